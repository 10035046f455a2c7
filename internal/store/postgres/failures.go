package postgres

import (
	"bytes"
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"userapi/internal/directory"
)

// Failures implements [directory.Store].
func (s *Store) Failures(ctx context.Context, keys []directory.FailureKey) (map[directory.FailureKey]directory.Failures, error) {
	found, err := retry(ctx, s, func(ctx context.Context, c *connections) (map[directory.FailureKey]directory.Failures, error) {
		found := map[directory.FailureKey]directory.Failures{}
		rows, err := c.pool.Query(ctx, `SELECT key, failures, ends - clock_timestamp() FROM recent_failures
			WHERE key = ANY($1) AND ends > clock_timestamp()`, sorted(keys))
		if err != nil {
			return nil, err
		}
		var key []byte
		var failures directory.Failures
		_, err = pgx.ForEachRow(rows, []any{&key, &failures.Count, &failures.Remaining}, func() error {
			found[directory.FailureKey(key)] = failures
			return nil
		})
		return found, err
	})
	return found, translateRead(ctx, err)
}

const (
	// addFailures locks the rows in the order of their keys, so that two nodes do not wait for each other.
	addFailures = `INSERT INTO recent_failures AS old (key, failures, ends)
		SELECT key, 1, clock_timestamp() + $2::interval FROM unnest($1::bytea[]) AS keys (key) ORDER BY key
		ON CONFLICT (key) DO UPDATE SET
			failures = CASE WHEN old.ends > excluded.ends - $2::interval THEN old.failures + 1 ELSE 1 END,
			ends = CASE WHEN old.ends > excluded.ends - $2::interval THEN old.ends ELSE excluded.ends END`
	// forgetFailures removes twice as many rows as one failure inserts, so the table holds little more
	// than what fails in one directory.FailureWindow. It waits for no other transaction.
	forgetFailures = `DELETE FROM recent_failures WHERE key IN (
		SELECT key FROM recent_failures WHERE ends <= clock_timestamp() ORDER BY ends LIMIT $1 FOR UPDATE SKIP LOCKED)`
)

// AddFailure implements [directory.Store]. It does not try again: a failure could be counted twice.
func (s *Store) AddFailure(ctx context.Context, keys []directory.FailureKey) error {
	ctx, cancel := context.WithTimeout(ctx, s.unitTimeout)
	defer cancel()
	batch := &pgx.Batch{} // one transaction; what it inserts first cannot be what it removes then
	batch.Queue(addFailures, sorted(keys), directory.FailureWindow)
	batch.Queue(forgetFailures, 2*len(keys))
	c := s.current.Load()
	err := c.pool.SendBatch(ctx, batch).Close()
	s.heed(ctx, c, err)
	if isUnreachable(err) {
		return unavailable(err)
	}
	return translate(err)
}

func sorted(keys []directory.FailureKey) [][]byte {
	hashes := make([][]byte, len(keys))
	for i := range keys {
		hashes[i] = keys[i][:]
	}
	slices.SortFunc(hashes, bytes.Compare)
	return hashes
}
