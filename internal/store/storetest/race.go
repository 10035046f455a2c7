package storetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/internal/directory"
)

// nodes opens the nodes of a race test. If there are fewer than four, some are the same.
func nodes(t testing.TB, db Database) (all [4]directory.Store) {
	t.Helper()
	for i := range db.Nodes {
		all[i] = db.Open(t)
	}
	for i := db.Nodes; i < len(all); i++ {
		all[i] = all[i-db.Nodes]
	}
	return all
}

// atOnce calls fn in n goroutines that begin together, and returns their results.
func atOnce[T any](n int, fn func(i int) T) []T {
	results := make([]T, n)
	var running sync.WaitGroup
	begin := make(chan struct{})
	for i := range n {
		running.Go(func() { <-begin; results[i] = fn(i) })
	}
	close(begin)
	running.Wait()
	return results
}

func isActive(u directory.User) bool { return u.IsActive != nil && *u.IsActive }

// oneClaimWins: eight users claim one address, and one gets it.
func oneClaimWins(t *testing.T, db Database) {
	all := nodes(t, db)
	users := make([]directory.User, 8)
	for i := range users {
		users[i] = createNamed(t, all[0], fmt.Sprint("user", i), directory.RoleUser)
	}
	for round := range 10 {
		address := fmt.Sprintf("claim%d@example.com", round)
		won := 0
		for _, err := range atOnce(8, func(i int) error {
			_, err := all[i%4].Change(t.Context(), directory.Operator(), users[i].ID, set(func(u *directory.User) { u.Email = &address }, directory.FieldEmail))
			return err
		}) {
			if err == nil {
				won++
				continue
			}
			require.True(t, directory.IsCode(err, directory.CodeEmailTaken), "%v", err)
		}
		require.Equal(t, 1, won)
	}
}

// dismiss takes the role away unless the target is the last administrator.
func dismiss(f directory.Facts) (directory.Change, error) {
	last, err := f.LastAdministrator()
	if err != nil {
		return directory.Change{}, err
	}
	if last {
		return directory.Change{}, &directory.Error{Code: directory.CodeLastAdministrator}
	}
	return set(func(u *directory.User) { u.Role = directory.RoleUser }, directory.FieldRole)(f)
}

// anAdministratorStays: four administrators are dismissed at once, each by another node.
func anAdministratorStays(t *testing.T, db Database) {
	all := nodes(t, db)
	var administrators [4]directory.User
	for i := range administrators {
		administrators[i] = createNamed(t, all[0], fmt.Sprint("admin", i), directory.RoleAdministrator)
	}
	for range 30 {
		left := 0
		for i, err := range atOnce(4, func(i int) error {
			_, err := all[i].Change(t.Context(), directory.Operator(), administrators[i].ID, dismiss)
			return err
		}) {
			if err != nil {
				require.True(t, directory.IsCode(err, directory.CodeLastAdministrator), "%v", err)
				left++
				continue
			}
			_, err := all[0].Change(t.Context(), directory.Operator(), administrators[i].ID, set(func(u *directory.User) { u.Role = directory.RoleAdministrator }, directory.FieldRole))
			require.NoError(t, err)
		}
		require.Equal(t, 1, left)
	}
}

func lastAdministratorIsExact(t *testing.T, db Database) {
	s := db.Open(t)
	ada := createNamed(t, s, "ada", directory.RoleAdministrator)
	create(t, s, directory.User{Version: 1, NickName: "eve", EnterpriseID: "elsewhere", Role: directory.RoleUser, CreateTime: time.Unix(0, 0).UTC()})
	requireLast := func(want bool) {
		t.Helper()
		facts, err := s.Facts(t.Context(), directory.Operator(), ada.ID)
		require.NoError(t, err)
		last, err := facts.LastAdministrator()
		require.NoError(t, err)
		require.Equal(t, want, last)
	}
	requireLast(false) // nobody else is in the enterprise
	createNamed(t, s, "user", directory.RoleUser)
	requireLast(true)
	bob := createNamed(t, s, "bob", directory.RoleAdministrator)
	requireLast(false)
	_, err := s.Change(t.Context(), directory.Operator(), bob.ID, set(func(u *directory.User) { u.IsActive = nil }, directory.FieldIsActive))
	require.NoError(t, err)
	requireLast(true)
	_, err = s.Change(t.Context(), directory.Operator(), ada.ID, dismiss)
	require.True(t, directory.IsCode(err, directory.CodeLastAdministrator), "%v", err)
	_, err = s.Change(t.Context(), directory.Operator(), ada.ID, set(func(u *directory.User) { u.IsActive = nil }, directory.FieldIsActive))
	require.NoError(t, err)
	requireLast(false) // nobody is active
}

// requireNothingAfter lets four connections act on bob with the principal p until end has returned, and fails if
// bob changes later.
func requireNothingAfter(t *testing.T, all [4]directory.Store, p directory.Principal, bob directory.UserID, allowed func(directory.Facts) bool, end func()) {
	t.Helper()
	var started sync.WaitGroup
	var acting sync.WaitGroup
	var ended atomic.Bool
	for i := range 8 {
		started.Add(1)
		acting.Go(func() {
			for first := true; ; first = false {
				late := ended.Load()
				_, err := all[i%4].Change(t.Context(), p, bob, func(f directory.Facts) (directory.Change, error) {
					if !allowed(f) {
						return directory.Change{}, &directory.Error{Code: directory.CodeForbidden}
					}
					return set(func(u *directory.User) { u.Phone = fmt.Sprint(f.Target.Version) }, directory.FieldPhone)(f)
				})
				if first {
					started.Done()
				}
				if late || err != nil {
					return
				}
			}
		})
	}
	started.Wait()
	end()
	after, err := all[3].User(t.Context(), bob)
	ended.Store(true)
	require.NoError(t, err)
	acting.Wait()
	later, err := all[2].User(t.Context(), bob)
	require.NoError(t, err)
	require.Equal(t, after.Version, later.Version, "something was written after the right had ended")
}

const rounds = 20

// nothingAfterADemotion: an administrator acts on four nodes while another node takes the role away.
func nothingAfterADemotion(t *testing.T, db Database) {
	all := nodes(t, db)
	bob := createNamed(t, all[0], "bob", directory.RoleUser)
	ada := createNamed(t, all[0], "ada", directory.RoleAdministrator)
	p := logIn(t, all[0], ada)
	for range rounds {
		allowed := func(f directory.Facts) bool { return f.Actor.User.Role == directory.RoleAdministrator }
		requireNothingAfter(t, all, p, bob.ID, allowed, func() {
			_, err := all[3].Change(t.Context(), directory.Operator(), ada.ID, set(func(u *directory.User) { u.Role = directory.RoleUser }, directory.FieldRole))
			require.NoError(t, err)
		})
		_, err := all[3].Change(t.Context(), directory.Operator(), ada.ID, set(func(u *directory.User) { u.Role = directory.RoleAdministrator }, directory.FieldRole))
		require.NoError(t, err)
	}
}

// nothingAfterALogOut: a token acts on four nodes while another node ends it. The user's row does not change.
func nothingAfterALogOut(t *testing.T, db Database) {
	all := nodes(t, db)
	bob := createNamed(t, all[0], "bob", directory.RoleUser)
	ada := createNamed(t, all[0], "ada", directory.RoleAdministrator)
	for range rounds {
		p := logIn(t, all[0], ada)
		requireNothingAfter(t, all, p, bob.ID, isActor, func() {
			_, err := all[3].Change(t.Context(), p, ada.ID, func(f directory.Facts) (directory.Change, error) {
				return directory.Change{User: f.Target, EndToken: p.Token.ID, Event: newEvent(directory.OperationDeleteAuthToken)}, nil
			})
			require.NoError(t, err)
		})
	}
}

func isActor(f directory.Facts) bool { return isActive(f.Actor.User) }

// twoMayChangeEachOther: nobody waits for ever, and no change fails.
func twoMayChangeEachOther(t *testing.T, db Database) {
	all := nodes(t, db)
	users := [2]directory.User{createNamed(t, all[0], "ada", directory.RoleAdministrator), createNamed(t, all[0], "bob", directory.RoleAdministrator)}
	principals := [2]directory.Principal{logIn(t, all[0], users[0]), logIn(t, all[0], users[1])}
	for _, errs := range atOnce(8, func(i int) (errs []error) {
		for range 50 {
			_, err := all[i%4].Change(t.Context(), principals[i%2], users[1-i%2].ID, set(func(*directory.User) {}, directory.FieldPhone))
			errs = append(errs, err)
		}
		return errs
	}) {
		for _, err := range errs {
			require.NoError(t, err)
		}
	}
	requireVersion(t, all[0], users[0].ID, 201)
	requireVersion(t, all[0], users[1].ID, 201)
}

func requireVersion(t testing.TB, s directory.Store, id directory.UserID, version int64) {
	t.Helper()
	user, err := s.User(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, version, user.Version)
}

// eachChangeIsCounted: changes of one user on four nodes, and of many users on each, are all made once.
func eachChangeIsCounted(t *testing.T, db Database) {
	all := nodes(t, db)
	const users, each = 10, 10
	ids := make([]directory.UserID, users)
	for i := range ids {
		ids[i] = createNamed(t, all[0], fmt.Sprint("user", i), directory.RoleUser).ID
	}
	fields := []directory.Field{directory.FieldPhone, directory.FieldIsActive, directory.FieldPassword, directory.FieldEmail}
	for _, err := range atOnce(4*users, func(i int) error {
		for n := range each {
			address := fmt.Sprintf("user%d@example.com", i%users)
			_, err := all[i%4].Change(t.Context(), directory.Operator(), ids[i%users], set(func(u *directory.User) { u.Email = &address }, fields[n%len(fields)]))
			if err != nil {
				return err
			}
		}
		return nil
	}) {
		require.NoError(t, err)
	}
	for _, id := range ids {
		requireVersion(t, all[1], id, 1+4*each)
		_, total, err := all[2].Events(t.Context(), directory.EventFilter{TargetID: id}, directory.Page{Number: 1, Size: 1})
		require.NoError(t, err)
		require.EqualValues(t, 1+4*each, total)
	}
}

// oneStartIsTheFirst: nodes that start together make one user 1 and one token.
func oneStartIsTheFirst(t *testing.T, db Database) {
	all := nodes(t, db)
	first := 0
	for _, result := range atOnce(8, func(i int) any {
		start := newStart()
		start.Made = newStartToken(directory.TokenMade, i+1)
		started, err := all[i%4].Start(t.Context(), start)
		if err != nil {
			return err
		}
		return started
	}) {
		started, ok := result.(directory.Started)
		require.True(t, ok, "%v", result)
		if started.First {
			first++
		}
	}
	require.Equal(t, 1, first)
	listed, err := all[0].Tokens(t.Context(), 0)
	require.NoError(t, err)
	require.Len(t, listed, 1)
}

// readsSeeAcknowledgedChanges: what one node has acknowledged, every node reads.
func readsSeeAcknowledgedChanges(t *testing.T, db Database) {
	all := nodes(t, db)
	results := atOnce(8, func(i int) error {
		u := createNamed(t, all[i%4], fmt.Sprint("user", i), directory.RoleUser)
		for range 20 {
			changed, err := all[i%4].Change(t.Context(), directory.Operator(), u.ID, set(func(*directory.User) {}, directory.FieldPhone))
			if err != nil {
				return err
			}
			read, err := all[(i+1)%4].User(t.Context(), u.ID)
			if err != nil || read.Version != changed.Version {
				return fmt.Errorf("read version %d after %d: %w", read.Version, changed.Version, err)
			}
		}
		return nil
	})
	for _, err := range results {
		require.NoError(t, err)
	}
}
