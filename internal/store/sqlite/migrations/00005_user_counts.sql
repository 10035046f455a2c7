-- +goose Up

-- The number of users by enterprise, block of 4096 numbers, and role. Rows with '' as the
-- enterprise count the users of all enterprises. Lists take their totals from here, and find
-- the block in which a page begins.
CREATE TABLE user_counts (
    enterprise_id TEXT    NOT NULL,
    -- The number of a user without its last 12 bits.
    block         INTEGER NOT NULL,
    role          TEXT    NOT NULL,
    total         INTEGER NOT NULL CHECK (total > 0),
    PRIMARY KEY (enterprise_id, block, role)
) STRICT, WITHOUT ROWID;

INSERT INTO user_counts SELECT enterprise_id, id >> 12, role, COUNT(*) FROM users GROUP BY 1, 2, 3;
INSERT INTO user_counts SELECT '', block, role, SUM(total) FROM user_counts GROUP BY 2, 3;

-- Triggers keep the counts, whoever writes. SQLite does not run the trigger of DELETE for a row
-- that INSERT OR REPLACE deletes, so users must not be replaced.

-- +goose StatementBegin
CREATE TRIGGER users_inserted AFTER INSERT ON users BEGIN
    INSERT INTO user_counts VALUES ('', NEW.id >> 12, NEW.role, 1), (NEW.enterprise_id, NEW.id >> 12, NEW.role, 1)
        ON CONFLICT DO UPDATE SET total = total + 1;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER users_deleted AFTER DELETE ON users BEGIN
    DELETE FROM user_counts
        WHERE enterprise_id IN ('', OLD.enterprise_id) AND block = OLD.id >> 12 AND role = OLD.role AND total = 1;
    UPDATE user_counts SET total = total - 1
        WHERE enterprise_id IN ('', OLD.enterprise_id) AND block = OLD.id >> 12 AND role = OLD.role;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER users_moved AFTER UPDATE OF id, enterprise_id, role ON users
    WHEN OLD.id >> 12 <> NEW.id >> 12 OR OLD.enterprise_id <> NEW.enterprise_id OR OLD.role <> NEW.role BEGIN
    DELETE FROM user_counts
        WHERE enterprise_id IN ('', OLD.enterprise_id) AND block = OLD.id >> 12 AND role = OLD.role AND total = 1;
    UPDATE user_counts SET total = total - 1
        WHERE enterprise_id IN ('', OLD.enterprise_id) AND block = OLD.id >> 12 AND role = OLD.role;
    INSERT INTO user_counts VALUES ('', NEW.id >> 12, NEW.role, 1), (NEW.enterprise_id, NEW.id >> 12, NEW.role, 1)
        ON CONFLICT DO UPDATE SET total = total + 1;
END;
-- +goose StatementEnd

DROP INDEX users_role;
CREATE INDEX users_administrators ON users (enterprise_id) WHERE role = 'administrator';
CREATE INDEX users_all_administrators ON users (id) WHERE role = 'administrator';
