package store

import (
	"context"
	"database/sql/driver"
	"fmt"
	"sync"

	"gorm.io/gorm"

	"userapi/internal/directory"
)

// session is where statements run: connections that read, or the one that writes, in
// the transaction of a batch. GORM builds and runs them; those that every request needs
// it builds once, as building one takes longer than running it, and prepared runs them.
type session struct {
	gorm       *gorm.DB
	prepared   prepared
	statements *sync.Map   // of a key, the statement
	cache      *principals // of the writer's session; nil in others
}

// prepared runs statements that are prepared once.
type prepared interface {
	queryRow(text string, scan func([]driver.Value) error, arguments ...driver.Value) error
	exec(text string, arguments ...driver.Value) error
}

func newSession(rows gorm.ConnPool, fast prepared) (session, error) {
	db, err := openGORM(rows)
	return session{gorm: db, prepared: fast, statements: &sync.Map{}}, err
}

// cachedActor returns the holder of a token as the transaction of a batch sees it, if that is cached.
func (s session) cachedActor(p directory.Principal) (directory.Principal, bool) {
	if s.cache == nil {
		return directory.Principal{}, false
	}
	return s.cache.GetCommitted(p)
}

// withContext returns a session whose statements end with ctx. Those of prepared do not, nor
// does their wait for a connection: they are over in microseconds.
func (s session) withContext(ctx context.Context) session {
	s.gorm = s.gorm.WithContext(ctx)
	return s
}

// statement is SQL that GORM has built, with the variables that it was built with.
type statement struct {
	text      string
	variables []any // in the order of the SQL's parameters
}

// buildOnce returns the statement that GORM builds for what has this key.
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
