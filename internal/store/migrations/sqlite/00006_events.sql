-- +goose Up

-- Events are never deleted, so that no number comes back without AUTOINCREMENT, which
-- would write to a second table with every change.
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

-- The index of events by target. Each change would write a page of it that no other
-- writes, a quarter of all its work: so the newest events are not in it yet. Thousands of
-- them are put in together, in its order.
CREATE TABLE event_targets (
    target_id INTEGER NOT NULL,
    event_id  INTEGER NOT NULL,
    PRIMARY KEY (target_id, event_id)
) STRICT, WITHOUT ROWID;

-- Up to which number all events are in the index.
CREATE TABLE event_progress (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    indexed INTEGER NOT NULL
) STRICT;

INSERT INTO event_targets SELECT target_id, id FROM events ORDER BY 1, 2;
INSERT INTO event_progress SELECT 1, COALESCE(MAX(id), 0) FROM events;
