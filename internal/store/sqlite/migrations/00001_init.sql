-- +goose Up

-- Times are Unix time in microseconds.
CREATE TABLE users (
    id               INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id BETWEEN 1 AND 2147483647),
    version          INTEGER NOT NULL CHECK (version >= 1),
    nick_name        TEXT    NOT NULL CHECK (length(nick_name) BETWEEN 1 AND 64),
    -- The server folds it, because SQLite folds ASCII only.
    nick_name_folded TEXT    NOT NULL,
    enterprise_id    TEXT    NOT NULL CHECK (length(enterprise_id) BETWEEN 1 AND 64
                                             AND enterprise_id NOT GLOB '*[^A-Za-z0-9._-]*'),
    role             TEXT    NOT NULL CHECK (role IN ('user', 'administrator', 'system_administrator')),
    -- argon2id in PHC form. NULL: the user has no password.
    password_hash    TEXT    CHECK (password_hash LIKE '$argon2id$%'),
    email            TEXT    CHECK (length(email) BETWEEN 3 AND 254),
    phone            TEXT    NOT NULL CHECK (length(phone) <= 32),
    -- NULL: not decided yet.
    is_active        INTEGER CHECK (is_active IN (0, 1)),
    origion          TEXT    CHECK (length(origion) <= 32),
    client_ip        TEXT,
    create_time      INTEGER NOT NULL
) STRICT;

-- An address is ASCII, so SQLite's lower() is enough.
CREATE UNIQUE INDEX users_email ON users (lower(email));
CREATE UNIQUE INDEX users_nick_name ON users (enterprise_id, nick_name_folded);

CREATE TABLE tokens (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    hash    BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32),
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name    TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    kind    TEXT    NOT NULL CHECK (kind IN ('login', 'made', 'operator')),
    created INTEGER NOT NULL,
    -- NULL: never.
    expires INTEGER
) STRICT;

CREATE INDEX tokens_user ON tokens (user_id);

-- No foreign keys, because events outlive their users.
CREATE TABLE events (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
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

CREATE INDEX events_target ON events (target_id, id);
