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
// it builds once, as building one takes longer than running it, and prepared runs them.
type session struct {
	gorm     *gorm.DB
	prepared prepared
	sqlTexts *sync.Map   // of a key, the SQL
	cache    *principals // of the writer's session; nil in others
}

// prepared runs statements that are prepared once.
type prepared interface {
	queryRow(text string, scan func([]driver.Value), arguments ...driver.Value) error
	exec(text string, arguments ...driver.Value) error
}

func newSession(rows gorm.ConnPool, statements prepared) (session, error) {
	db, err := openGORM(rows)
	return session{gorm: db, prepared: statements, sqlTexts: &sync.Map{}}, err
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

// buildOnce returns the SQL that GORM builds for what has this key.
func (s session) buildOnce(key any, build func(*gorm.DB) *gorm.DB) string {
	if text, ok := s.sqlTexts.Load(key); ok {
		return text.(string)
	}
	text := build(s.gorm.Session(&gorm.Session{DryRun: true})).Statement.SQL.String()
	s.sqlTexts.Store(key, text)
	return text
}
