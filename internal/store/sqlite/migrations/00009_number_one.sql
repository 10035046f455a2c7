-- +goose Up

-- Number 1 belongs to the user of the first start, even if the command line creates another user before.
INSERT INTO sqlite_sequence (name, seq)
SELECT 'users', 1 WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'users');
