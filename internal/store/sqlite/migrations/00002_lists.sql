-- +goose Up

-- Searches look in it. The server folds it, because SQLite folds ASCII only. Migration 3
-- folds the phones of existing users.
ALTER TABLE users ADD COLUMN phone_folded TEXT NOT NULL DEFAULT '';

CREATE INDEX users_enterprise ON users (enterprise_id);
CREATE INDEX users_role ON users (role, enterprise_id);
