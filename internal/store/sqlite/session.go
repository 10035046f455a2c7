package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"sync"

	"gorm.io/gorm"

	"userapi/internal/directory"
)

// session runs statements: on connections that only read, or on the writer's, in the
// transaction of a batch. The package comment says when to use gorm and when prepared.
type session struct {
	gorm       *gorm.DB
	prepared   prepared
	statements *sync.Map   // from the key of buildOnce to a statement
	cache      *principals // nil except in the writer's session
}

// prepared runs SQL that SQLite has prepared once for each connection.
type prepared interface {
	queryRow(text string, scan func([]driver.Value) error, arguments ...driver.Value) error
	exec(text string, arguments ...driver.Value) error
}

func newSession(rows gorm.ConnPool, fast prepared) (session, error) {
	db, err := openGORM(rows)
	return session{gorm: db, prepared: fast, statements: &sync.Map{}}, err
}

// cachedActor returns the principal as the transaction of the batch sees it, if it is cached.
func (s session) cachedActor(p directory.Principal) (directory.Principal, bool) {
	if s.cache == nil {
		return directory.Principal{}, false
	}
	return s.cache.GetCommitted(p)
}

// withContext returns a session whose GORM statements stop when ctx ends. Those of the
// prepared path take microseconds and do not stop.
func (s session) withContext(ctx context.Context) session {
	s.gorm = s.gorm.WithContext(ctx)
	return s
}

// statement is SQL that GORM has built in a dry run.
type statement struct {
	text      string
	variables []any // of the dry run, one for each parameter, in their order
}

// buildOnce returns the statement that build returns from a dry run. It calls build only
// once for each key.
func (s session) buildOnce(key any, build func(dry *gorm.DB) *gorm.DB) (statement, error) {
	if built, ok := s.statements.Load(key); ok {
		return built.(statement), nil
	}
	dry := build(s.gorm.Session(&gorm.Session{DryRun: true}))
	if dry.Error != nil {
		return statement{}, fmt.Errorf("build a statement: %w", dry.Error)
	}
	built := statement{text: dry.Statement.SQL.String(), variables: dry.Statement.Vars}
	s.statements.Store(key, built)
	return built, nil
}
