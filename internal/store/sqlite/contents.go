package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Contents say how much a database holds.
type Contents struct {
	Users, Events int64
	Schema        int64 // the version
}

// Schemas that brought a table which checkContents compares with another one.
const (
	schemaUserCounts = 5
	schemaEventIndex = 6
	schemaIdentity   = 7
)

// checkContents reads a whole database. It fails if the database is damaged, if a table that is
// derived from another one differs from it, or if this program does not know the schema.
func checkContents(ctx context.Context, db *sql.DB) (c Contents, err error) {
	if c.Schema, err = schemaOf(ctx, db); err != nil {
		return Contents{}, err
	}
	if err := checkIntegrity(ctx, db); err != nil {
		return Contents{}, err
	}
	for _, check := range []struct {
		since      int64 // schema
		what, text string
	}{
		{0, "rows refer to rows that are missing", `SELECT COUNT(*) FROM pragma_foreign_key_check`},
		{schemaUserCounts, "counts of users are wrong", countWrongUserCounts},
		{schemaEventIndex, "rows of the event index are wrong", countWrongEventTargets},
	} {
		if c.Schema < check.since {
			continue
		}
		wrong := int64(0)
		if err := db.QueryRowContext(ctx, check.text).Scan(&wrong); err != nil {
			return Contents{}, err
		}
		if wrong > 0 {
			return Contents{}, fmt.Errorf("the database is damaged: %d %s", wrong, check.what)
		}
	}
	err = db.QueryRowContext(ctx, `SELECT (SELECT COUNT(*) FROM users), (SELECT COUNT(*) FROM events)`).Scan(&c.Users, &c.Events)
	return c, err
}

// schemaOf returns the version of the schema. It fails if the database is another program's, or
// that of a newer userapi.
func schemaOf(ctx context.Context, db *sql.DB) (int64, error) {
	tables := 0
	err := db.QueryRowContext(ctx, `SELECT COUNT(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('goose_db_version', 'users', 'tokens')`).Scan(&tables)
	if err != nil {
		return 0, err
	}
	if tables < 3 {
		return 0, errors.New("it is not a database of userapi")
	}
	_, schema, err := readSchema(ctx, db)
	return schema, err
}

func checkIntegrity(ctx context.Context, db *sql.DB) error {
	result := ""
	if err := db.QueryRowContext(ctx, `PRAGMA integrity_check(1)`).Scan(&result); err != nil {
		return err
	}
	if result != "ok" {
		return fmt.Errorf("the database is damaged: %s", result)
	}
	return nil
}

const countWrongUserCounts = `
	WITH counted AS (
		SELECT enterprise_id, id >> 12, role, COUNT(*) FROM users GROUP BY 1, 2, 3
		UNION ALL
		SELECT '', id >> 12, role, COUNT(*) FROM users GROUP BY 2, 3)
	SELECT (SELECT COUNT(*) FROM (SELECT * FROM counted EXCEPT SELECT * FROM user_counts))
		+ (SELECT COUNT(*) FROM (SELECT * FROM user_counts EXCEPT SELECT * FROM counted))`

// countWrongEventTargets counts rows without an event, and adds how many rows are missing.
const countWrongEventTargets = `
	SELECT (SELECT COUNT(*) FROM event_targets WHERE NOT EXISTS
			(SELECT 1 FROM events WHERE id = event_id AND events.target_id = event_targets.target_id AND id <= (SELECT indexed FROM event_progress)))
		+ abs((SELECT COUNT(*) FROM events WHERE id <= (SELECT indexed FROM event_progress)) - (SELECT COUNT(*) FROM event_targets))`
