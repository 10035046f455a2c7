-- +goose Up

-- What a list of users looks in. SQLite folds ASCII only: the server folds, also the
-- phones that are there (migration 3).
ALTER TABLE users ADD COLUMN phone_folded TEXT NOT NULL DEFAULT '';

CREATE INDEX users_enterprise ON users (enterprise_id);
CREATE INDEX users_role ON users (role, enterprise_id);
