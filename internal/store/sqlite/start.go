package sqlite

import (
	"context"

	"userapi/internal/directory"
	"userapi/internal/store"
)

// Start implements [directory.Store].
func (s *Store) Start(ctx context.Context, start directory.Start) (started directory.Started, err error) {
	err = s.writer.Write(ctx, func(tx session) (err error) {
		started, err = store.ApplyStart(tx.gorm, start)
		return err
	})
	s.cache.Purge()
	if err != nil {
		return directory.Started{}, err
	}
	if started.First {
		s.writer.checkpointNow() // so that a copy of the file alone has user 1
	}
	return started, nil
}
