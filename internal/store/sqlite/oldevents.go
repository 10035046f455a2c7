package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"time"
)

// removalBatch is how many events one step removes at most. Each may be on a page of its own in the event index. The
// units in the queue wait for a step, which takes one to two milliseconds with 1,000,000 events.
const removalBatch = 100

// selectRemovable selects the number before which all events can be removed, and looks at no more than ?1 of
// them. They are older than ?2. The newest event is never removed.
const selectRemovable = `
	WITH oldest AS MATERIALIZED (SELECT id, at FROM events ORDER BY id LIMIT ?1)
	SELECT COALESCE(min(
		(SELECT max(id) FROM events),
		COALESCE((SELECT min(id) FROM oldest WHERE at >= ?2), (SELECT max(id) + 1 FROM oldest))), 0)`

// The two statements of a step, which removes the events before a number, and first their rows in the event index.
const (
	unindexEvents = "DELETE FROM event_targets WHERE (target_id, event_id) IN (SELECT target_id, id FROM events WHERE id < ?)"
	removeEvents  = "DELETE FROM events WHERE id < ?"
)

// RemoveEvents implements [directory.Store]. If there is nothing to remove, it does not write.
func (s *Store) RemoveEvents(ctx context.Context, before time.Time) (removed int, err error) {
	if old, err := s.hasOldEvent(before); err != nil || !old {
		return 0, err
	}
	err = s.writer.Write(ctx, func(tx session) error {
		end, err := queryInt(tx.prepared, selectRemovable, int64(removalBatch), before.UnixMicro())
		if err != nil {
			return err
		}
		for _, statement := range []string{unindexEvents, removeEvents} {
			if err := tx.prepared.exec(statement, end); err != nil {
				return err
			}
		}
		changes, err := queryInt(tx.prepared, "SELECT changes()")
		removed = int(changes)
		return err
	})
	if err != nil {
		return 0, err
	}
	return removed, nil
}

// hasOldEvent reports whether the first event can be removed.
func (s *Store) hasOldEvent(before time.Time) (old bool, err error) {
	defer s.finishRead(&err)
	err = s.readSession.prepared.queryRow("SELECT at < ? AND id < (SELECT max(id) FROM events) FROM events ORDER BY id LIMIT 1",
		func(values []driver.Value) error { old = values[0].(int64) == 1; return nil }, before.UnixMicro())
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return old, err
}
