package store

import (
	"context"
	"database/sql/driver"
	"sync"

	"gorm.io/gorm"

	"userapi/internal/directory"
)

// session is where statements run: connections that read, or the one that writes, in
// the transaction of a batch. GORM builds and runs them; those that every request needs
// it builds once, as building one takes longer than running it, and runner runs them.
type session struct {
	*gorm.DB
	runner
	built *sync.Map   // of a key, the SQL
	cache *principals // of the writer's session; nil in others
}

// runner runs statements that are prepared once.
type runner interface {
	row(text string, read func([]driver.Value), arguments ...driver.Value) error
	run(text string, arguments ...driver.Value) error
}

func newSession(rows gorm.ConnPool, prepared runner) (session, error) {
	db, err := model(rows)
	return session{DB: db, runner: prepared, built: &sync.Map{}}, err
}

// known returns the holder of a token as the transaction of a batch sees it, if that is cached.
func (s session) known(p directory.Principal) (directory.Principal, bool) {
	if s.cache == nil {
		return directory.Principal{}, false
	}
	return s.cache.current(p)
}

// with returns a session whose statements end with ctx. Those of the runner do not, nor
// does their wait for a connection: they are over in microseconds.
func (s session) with(ctx context.Context) session {
	s.DB = s.WithContext(ctx)
	return s
}

// sql returns the SQL that GORM builds for what has this key.
func (s session) sql(key any, build func(*gorm.DB) *gorm.DB) string {
	if text, ok := s.built.Load(key); ok {
		return text.(string)
	}
	text := build(s.Session(&gorm.Session{DryRun: true})).Statement.SQL.String()
	s.built.Store(key, text)
	return text
}
