package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// removalBatch is how many events one step removes at most.
const removalBatch = 250

// removeEvents removes the oldest events with numbers above $1, up to the first one that is not older than $2, and never
// the newest. It looks at no more than removalBatch of them. It finds them by their numbers, because with a
// condition such as id < $1 the plan could read the whole table.
var removeEvents = fmt.Sprintf(`
	WITH oldest AS MATERIALIZED (SELECT id, at FROM events WHERE id > $1 ORDER BY id LIMIT %d)
	DELETE FROM events WHERE id = ANY (ARRAY(
		SELECT id FROM oldest WHERE id < LEAST((SELECT max(id) FROM events), (SELECT min(id) FROM oldest WHERE at >= $2))))
	RETURNING id`, removalBatch)

// RemoveEvents implements [directory.Store]. One node at a time removes events; another one finds nothing to do. A step goes
// on where the last one has ended, because PostgreSQL reads over rows that were removed until it has vacuumed the table.
func (s *Store) RemoveEvents(ctx context.Context, before time.Time) (removed int, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.unitTimeout)
	defer cancel()
	ids, err := retry(ctx, s, func(ctx context.Context, c *connections) (ids []int64, err error) {
		err = pgx.BeginFunc(ctx, c.pool, func(tx pgx.Tx) error {
			var free bool
			if err := tx.QueryRow(ctx, `SELECT pg_try_advisory_xact_lock($1::int, 0)`, lockRemoval).Scan(&free); err != nil || !free {
				return err
			}
			rows, err := tx.Query(ctx, removeEvents, s.removedUpTo.Load(), before.UnixMicro())
			if err != nil {
				return err
			}
			ids, err = pgx.CollectRows(rows, pgx.RowTo[int64])
			return err
		})
		return ids, err
	})
	switch {
	case err != nil:
		return 0, translate(err)
	case len(ids) == 0:
		s.removedUpTo.Store(0) // a failover may have brought events back
	default:
		s.removedUpTo.Store(slices.Max(ids))
	}
	return len(ids), nil
}

// CheckRemoval fails, with one line for a person, unless this user may remove events.
func (s *Store) CheckRemoval(ctx context.Context) error {
	return inspect(ctx, s.config.ConnConfig, func(connection *pgx.Conn) error {
		return checkRights(ctx, connection, []tableRights{{"events", "SELECT, INSERT, DELETE"}})
	})
}
