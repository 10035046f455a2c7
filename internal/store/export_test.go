package store

import "gorm.io/gorm"

// OnRead has fn told each statement that a list or the facts of a change run, with its values.
func (s *Store) OnRead(fn func(sql string, values []any)) error {
	record := func(db *gorm.DB) { fn(db.Statement.SQL.String(), db.Statement.Vars) }
	if err := s.readSession.gorm.Callback().Query().After("gorm:query").Register("record", record); err != nil {
		return err
	}
	return s.readSession.gorm.Callback().Row().After("gorm:row").Register("record", record)
}
