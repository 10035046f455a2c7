-- +goose Up

-- Tells whether a database file and a log (-wal) belong together. The first commit of each log
-- and each checkpoint renew the identity: previous becomes current, and current is random. So the
-- file alone always holds the current or the previous identity of file and log together.
CREATE TABLE identity (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    current  BLOB    NOT NULL CHECK (length(current) = 16),
    previous BLOB    NOT NULL CHECK (length(previous) = 16)
) STRICT;

INSERT INTO identity VALUES (1, randomblob(16), randomblob(16));
