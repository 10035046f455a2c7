-- +goose Up

-- What a list of users looks in. SQLite folds ASCII only: the server folds.
ALTER TABLE users ADD COLUMN phone_folded TEXT NOT NULL DEFAULT '';
UPDATE users SET phone_folded = lower(phone);

CREATE INDEX users_enterprise ON users (enterprise_id);
CREATE INDEX users_administrators ON users (enterprise_id) WHERE role = 'administrator';
