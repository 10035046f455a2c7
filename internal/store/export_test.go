package store

import "gorm.io/gorm"

// OnRead has fn told each statement that a list or the facts of a change run, with its values.
func (s *Store) OnRead(fn func(sql string, values []any)) error {
	told := func(db *gorm.DB) { fn(db.Statement.SQL.String(), db.Statement.Vars) }
	if err := s.reading.Callback().Query().After("gorm:query").Register("told", told); err != nil {
		return err
	}
	return s.reading.Callback().Row().After("gorm:row").Register("told", told)
}
