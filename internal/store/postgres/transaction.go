package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"userapi/internal/directory"
	"userapi/internal/store"
	"userapi/internal/telemetry"
)

// runTransaction decides and writes the units in one transaction. It sets the results of each unit: refused,
// alone, or user. Sent says whether COMMIT may have been sent. If it fails and COMMIT was not sent, no unit
// has any effect.
func (s *Store) runTransaction(ctx context.Context, units []*unit, alone bool) (sent bool, err error) {
	current := s.current.Load()
	defer func() {
		s.heed(ctx, current, err)
		if err != nil && classify(err, sent) == unknown {
			s.unanswered.Add(1)
		}
	}()
	c, err := current.pool.Acquire(ctx)
	if err != nil {
		return false, err
	}
	defer c.Release() // closes it if a transaction is open
	var enterprise string
	for {
		known, err := s.readFacts(ctx, c, units, enterprise)
		if err != nil {
			return false, err
		}
		if alone {
			// Whether the target is an administrator is known only now.
			if target := known.targets[units[0].id]; target.Role == string(directory.RoleAdministrator) && target.EnterpriseID != enterprise {
				enterprise = target.EnterpriseID
				if _, err := c.Exec(ctx, "rollback"); err != nil {
					return false, err
				}
				continue
			}
		}
		for _, u := range units {
			s.decide(ctx, c, known, u, alone)
		}
		break
	}
	writers := slices.DeleteFunc(slices.Clone(units), func(u *unit) bool {
		return u.refused != nil || u.alone && !alone || u.change.Event == nil
	})
	if len(writers) == 0 {
		_, err := c.Exec(ctx, "rollback")
		return false, err
	}
	if alone {
		if err := writeAlone(ctx, c, units[0]); err != nil {
			_, _ = c.Exec(ctx, "rollback") // else Release closes the connection
			return false, err
		}
	}
	batch := &pgx.Batch{}
	if !alone {
		queueUsers(batch, writers)
	}
	queueEvents(batch, writers)
	committed := false
	batch.Queue("commit").Exec(func(tag commandTag) error { committed = tag.String() == "COMMIT"; return nil })
	s.lane.metrics.Batch.Observe(float64(len(writers)))
	begun := time.Now()
	err = c.SendBatch(ctx, batch).Close()
	s.lane.metrics.Commit.Observe(time.Since(begun).Seconds())
	if err == nil && !committed {
		err = errors.New("the commit was rolled back")
		return false, err
	}
	return true, err
}

// facts is what a transaction has read.
type facts struct {
	actors  map[int64]directory.Principal // by the numbers of their tokens
	targets map[directory.UserID]store.User
}

// readFacts begins a transaction, locks and reads.
func (s *Store) readFacts(ctx context.Context, c *pgxpool.Conn, units []*unit, enterprise string) (facts, error) {
	read := facts{map[int64]directory.Principal{}, map[directory.UserID]store.User{}}
	batch := &pgx.Batch{}
	batch.Queue(s.recipe.begin)
	if enterprise != "" {
		batch.Queue(s.recipe.lockEnterprise, lockEnterprise, enterprise)
	}
	exclusive := map[int32]bool{}
	var tokens []int64
	var targets []int32
	for _, u := range units {
		if u.principal.HasToken() {
			tokens = append(tokens, u.principal.Token.ID)
			if actor := int32(u.principal.User.ID); !exclusive[actor] {
				exclusive[actor] = false
			}
		}
		if u.id != 0 {
			targets = append(targets, int32(u.id))
			exclusive[int32(u.id)] = true
		}
	}
	ids, modes := inOrder(exclusive)
	if len(ids) > 0 {
		batch.Queue(s.recipe.lockUsers, ids, modes)
	}
	if len(tokens) > 0 {
		batch.Queue(s.recipe.readActors, tokens).Query(func(rows pgx.Rows) error {
			return eachPrincipal(rows, func(_ []byte, p directory.Principal) { read.actors[p.Token.ID] = p })
		})
	}
	if len(targets) > 0 {
		batch.Queue(s.recipe.readTargets, targets).Query(func(rows pgx.Rows) error {
			return eachUser(rows, func(row store.User) { read.targets[directory.UserID(row.ID)] = row })
		})
	}
	return read, c.SendBatch(ctx, batch).Close()
}

// inOrder returns the numbers of the users to lock, sorted, and which of them to lock exclusively.
func inOrder(exclusive map[int32]bool) (ids []int32, modes []bool) {
	for id := range exclusive {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		modes = append(modes, exclusive[id])
	}
	return ids, modes
}

// errAlone stops a decision that needs more than its facts.
var errAlone = errors.New("the unit must run alone")

// factsOf returns the facts of a unit.
func (read facts) factsOf(p directory.Principal, id directory.UserID, last func(directory.User) (bool, error)) (f directory.Facts, err error) {
	f.Actor = p
	if p.HasToken() {
		actor, found := read.actors[p.Token.ID]
		if !found || actor.User.ID != p.User.ID {
			return f, &directory.Error{Code: directory.CodeUnauthenticated}
		}
		actor.RequestID, actor.Address = p.RequestID, p.Address
		f.Actor = actor
	}
	row, found := read.targets[id]
	if !found {
		return f, nil
	}
	if f.Target, err = row.User(); err != nil {
		return f, err
	}
	f.PasswordHash = passwordHash(row)
	f.LastAdministrator = func() (bool, error) {
		if f.Target.Role != directory.RoleAdministrator || !f.Target.Active() {
			return false, nil
		}
		return last(f.Target)
	}
	return f, nil
}

// querier is a pool or a connection.
type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// isLast reports whether an active administrator is the only one of an enterprise that has other users.
func (s *Store) isLast(ctx context.Context, db querier, user directory.User) (last bool, err error) {
	err = db.QueryRow(ctx, s.recipe.isLast, user.EnterpriseID, int32(user.ID)).Scan(&last)
	return last, err
}

// decide sets the change of a unit, or refused, or alone.
func (s *Store) decide(ctx context.Context, c *pgxpool.Conn, read facts, u *unit, alone bool) {
	u.refused = catchPanic(func() error {
		found, err := read.factsOf(u.principal, u.id, func(target directory.User) (bool, error) {
			if !alone {
				return false, errAlone
			}
			return s.isLast(ctx, c, target)
		})
		if err != nil {
			return err
		}
		u.actor = found.Actor
		u.change, err = u.decide(found)
		u.user = u.change.User
		return err
	})
	if !alone && (errors.Is(u.refused, errAlone) || u.refused == nil && needsAlone(u.change)) {
		u.alone, u.refused = true, nil
	}
}

// catchPanic returns a panic of fn as an error, so that the other units can go on.
func catchPanic(fn func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = telemetry.NewPanicError(value)
		}
	}()
	return fn()
}

// needsAlone reports whether the change may fail on a constraint, or writes what a batch does not write.
func needsAlone(c directory.Change) bool {
	return c.Event != nil && (c.User.ID == 0 || c.Delete || c.EndToken != 0 || c.Token != nil || slices.ContainsFunc(c.Fields, func(f directory.Field) bool {
		return f != directory.FieldPhone && f != directory.FieldIsActive && (f != directory.FieldPassword || c.PasswordHash == "")
	}))
}

// lookFor reports whether the event of a unit is there, after a commit that had no answer. Only if the
// transaction that looks has written something, its commit waits for a synchronous standby, and so for the commit
// that it has found.
func (s *Store) lookFor(ctx context.Context, u *unit) (found bool, err error) {
	current := s.current.Load()
	defer func() { s.heed(ctx, current, err) }()
	c, err := current.pool.Acquire(ctx)
	if err != nil {
		return false, err
	}
	defer c.Release()
	batch := &pgx.Batch{}
	batch.Queue("begin")
	batch.Queue(s.recipe.lockUsers, []int32{int32(u.maybe)}, []bool{true})
	batch.Queue(s.recipe.lookFor, int32(u.maybe), u.key).
		QueryRow(func(row pgx.Row) error { return row.Scan(&found) })
	batch.Queue(`SELECT pg_logical_emit_message(true, 'userapi', $1)`, "")
	batch.Queue("commit")
	if err := c.SendBatch(ctx, batch).Close(); err != nil {
		return false, fmt.Errorf("look for the change: %w", err)
	}
	return found, nil
}

// Facts implements [directory.Store].
func (s *Store) Facts(ctx context.Context, p directory.Principal, id directory.UserID) (directory.Facts, error) {
	reading, cancel := context.WithTimeout(ctx, s.unitTimeout)
	defer cancel()
	read, err := retry(reading, s, func(ctx context.Context, current *connections) (facts, error) {
		read := facts{map[int64]directory.Principal{}, map[directory.UserID]store.User{}}
		batch := &pgx.Batch{}
		batch.Queue("begin isolation level repeatable read read only") // so that both are of one moment
		batch.Queue(selectPrincipals+`tokens.id = $1`, p.Token.ID).Query(func(rows pgx.Rows) error {
			return eachPrincipal(rows, func(_ []byte, p directory.Principal) { read.actors[p.Token.ID] = p })
		})
		batch.Queue(`SELECT `+userColumns+` FROM users WHERE id = $1`, int32(id)).Query(func(rows pgx.Rows) error {
			return eachUser(rows, func(row store.User) { read.targets[directory.UserID(row.ID)] = row })
		})
		batch.Queue("commit")
		c, err := current.pool.Acquire(ctx)
		if err != nil {
			return read, err
		}
		defer c.Release()
		return read, c.SendBatch(ctx, batch).Close()
	})
	if err != nil {
		return directory.Facts{}, translateRead(ctx, err)
	}
	return read.factsOf(p, id, func(target directory.User) (bool, error) {
		last, err := retry(ctx, s, func(ctx context.Context, c *connections) (bool, error) { return s.isLast(ctx, c.pool, target) })
		return last, translateRead(ctx, err)
	})
}
