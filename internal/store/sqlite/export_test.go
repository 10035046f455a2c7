package sqlite

import (
	"context"
	"errors"
	"os"

	"gorm.io/gorm"
)

// CountWrongEventTargets is SQL that counts rows that are wrong or missing in the event index.
const CountWrongEventTargets = countWrongEventTargets

// MigrateTo creates a database whose schema has this version.
func MigrateTo(ctx context.Context, path string, version int64) (err error) {
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return err
	}
	db := readWrite(path).openPool(1)
	defer func() { err = errors.Join(err, db.Close()) }()
	provider, _, err := readSchema(ctx, db)
	if err != nil {
		return err
	}
	_, err = provider.UpTo(ctx, version)
	return err
}

// OnRead calls fn with each GORM statement of the read session, and its values.
func (s *Store) OnRead(fn func(sql string, values []any)) error {
	record := func(db *gorm.DB) { fn(db.Statement.SQL.String(), db.Statement.Vars) }
	if err := s.readSession.gorm.Callback().Query().After("gorm:query").Register("record", record); err != nil {
		return err
	}
	return s.readSession.gorm.Callback().Row().After("gorm:row").Register("record", record)
}
