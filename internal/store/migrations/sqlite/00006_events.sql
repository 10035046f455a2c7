-- +goose Up

-- Events are never deleted, so that numbers come back to none without AUTOINCREMENT,
-- which would write to a second table with every change. An index has the number of the
-- row at its end.
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
CREATE INDEX events_target ON events (target_id);
