package store

import (
	"context"
	"database/sql"
	"sync"

	"userapi/internal/directory"

	"gorm.io/gorm"
)

// session is where statements run: connections that read, or the one that writes, in
// the transaction of a batch. Statements that every request needs have their SQL built
// by GORM once, as building it takes longer than running it.
type session struct {
	*gorm.DB
	built *sync.Map   // of a key, the SQL
	cache *principals // of the writer's session; nil in others
}

func newSession(connections gorm.ConnPool) (session, error) {
	db, err := model(connections)
	return session{DB: db, built: &sync.Map{}}, err
}

// known returns the holder of a token as the transaction of a batch sees it, if that is cached.
func (s session) known(p directory.Principal) (directory.Principal, bool) {
	if s.cache == nil {
		return directory.Principal{}, false
	}
	return s.cache.current(p)
}

// with returns a session whose statements end with ctx.
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

// row runs SQL that returns one row.
func (s session) row(sql string, arguments ...any) *sql.Row {
	return s.Statement.ConnPool.QueryRowContext(s.Statement.Context, sql, arguments...)
}

// run runs SQL that changes rows, and returns how many.
func (s session) run(sql string, arguments ...any) (int64, error) {
	result, err := s.Statement.ConnPool.ExecContext(s.Statement.Context, sql, arguments...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
