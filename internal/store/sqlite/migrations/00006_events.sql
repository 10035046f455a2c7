-- +goose Up

-- No AUTOINCREMENT: it writes to a second table with every insert. It is not needed, because
-- the newest event is never deleted, and so no number is used again.
CREATE TABLE events_kept (
    id            INTEGER PRIMARY KEY,
    at            INTEGER NOT NULL,
    -- NULL: the command line or the server itself.
    actor_id      INTEGER,
    token_name    TEXT    NOT NULL,
    target_id     INTEGER NOT NULL,
    enterprise_id TEXT    NOT NULL,
    operation     TEXT    NOT NULL,
    -- Names of members, separated by commas. Never values.
    fields        TEXT    NOT NULL,
    request_id    TEXT    NOT NULL
) STRICT;

INSERT INTO events_kept SELECT id, at, actor_id, token_name, target_id, enterprise_id, operation, fields, request_id FROM events;
DROP TABLE events;
ALTER TABLE events_kept RENAME TO events;

-- The event index: events by target. If each change wrote to it, it would write a page that no
-- other change writes, a quarter of its work. So new events are collected, and thousands of
-- them are added together, in the order of the index.
CREATE TABLE event_targets (
    target_id INTEGER NOT NULL,
    event_id  INTEGER NOT NULL,
    PRIMARY KEY (target_id, event_id)
) STRICT, WITHOUT ROWID;

-- All events up to this number are in the event index.
CREATE TABLE event_progress (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    indexed INTEGER NOT NULL
) STRICT;

INSERT INTO event_targets SELECT target_id, id FROM events ORDER BY 1, 2;
INSERT INTO event_progress SELECT 1, COALESCE(MAX(id), 0) FROM events;
