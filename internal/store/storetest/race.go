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

// Nodes share a database. Some may be the same.
type Nodes [4]directory.Store

// Race plays rounds of a race, until a round breaks the promise. It returns what it has seen then.
type Race func(t testing.TB, all Nodes, rounds int) error

// OpenNodes opens the nodes of a race.
func (db Database) OpenNodes(t testing.TB) (all Nodes) {
	t.Helper()
	for i := range db.Nodes {
		all[i] = db.open(t)
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
	all := db.OpenNodes(t)
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

// AnAdministratorStays is a [Race]: four administrators are dismissed at once, each by another node.
func AnAdministratorStays(t testing.TB, all Nodes, rounds int) error {
	var administrators [4]directory.User
	for i := range administrators {
		administrators[i] = createNamed(t, all[0], fmt.Sprint("admin", i), directory.RoleAdministrator)
	}
	for range rounds {
		left := 0
		for i, err := range atOnce(4, func(i int) error {
			return patiently(func() error {
				_, err := all[i].Change(t.Context(), directory.Operator(), administrators[i].ID, dismiss)
				return err
			})
		}) {
			if err != nil {
				require.True(t, directory.IsCode(err, directory.CodeLastAdministrator), "%v", err)
				left++
				continue
			}
			setRole(t, all[0], administrators[i].ID, directory.RoleAdministrator)
		}
		if left != 1 {
			return fmt.Errorf("%d of 4 administrators are left", left)
		}
	}
	return nil
}

func setRole(t testing.TB, s directory.Store, id directory.UserID, role directory.Role) {
	t.Helper()
	require.NoError(t, patiently(func() error {
		_, err := s.Change(t.Context(), directory.Operator(), id, set(func(u *directory.User) { u.Role = role }, directory.FieldRole))
		return err
	}))
}

// patiently calls change until the database is not too busy, as it is at times for a wrong recipe and on a busy machine.
func patiently(change func() error) error {
	for {
		if err := change(); !directory.IsCode(err, directory.CodeUnavailable) {
			return err
		}
	}
}

func lastAdministratorIsExact(t *testing.T, db Database) {
	s := db.open(t)
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

// acting is a principal who acts on eight users, two on each node.
type acting struct {
	all     Nodes
	bobs    []directory.User
	ended   atomic.Bool // each acts once more
	running sync.WaitGroup
}

func newActing(t testing.TB, all Nodes) *acting {
	t.Helper()
	a := &acting{all: all}
	for i := range 8 {
		a.bobs = append(a.bobs, createNamed(t, all[0], fmt.Sprint("bob", i), directory.RoleUser))
	}
	return a
}

// start lets p act until the right ends, and returns after everybody has acted once.
func (a *acting) start(t testing.TB, p directory.Principal, allowed func(directory.Facts) bool) {
	t.Helper()
	var started sync.WaitGroup
	for i, bob := range a.bobs {
		started.Add(1)
		a.running.Go(func() {
			once := sync.OnceFunc(started.Done)
			defer once()
			for late := false; !late; once() {
				late = a.ended.Load()
				_, err := a.all[i%4].Change(t.Context(), p, bob.ID, func(f directory.Facts) (directory.Change, error) {
					if !allowed(f) {
						return directory.Change{}, &directory.Error{Code: directory.CodeForbidden}
					}
					return set(func(u *directory.User) { u.Phone = fmt.Sprint(u.Version) }, directory.FieldPhone)(f)
				})
				if err != nil && !directory.IsCode(err, directory.CodeUnavailable) {
					return
				}
			}
		})
	}
	started.Wait()
}

// end returns what has changed since the users were read.
func (a *acting) end(t testing.TB, read []directory.User) error {
	t.Helper()
	a.ended.Store(true)
	a.running.Wait()
	a.ended.Store(false)
	for i, later := range a.read(t) {
		if written := later.Version - read[i].Version; written != 0 {
			return fmt.Errorf("%d changes of user %d were made after the right had ended", written, later.ID)
		}
	}
	return nil
}

// read reads the users at one moment.
func (a *acting) read(t testing.TB) []directory.User {
	t.Helper()
	filter := directory.UserFilter{Roles: []directory.Role{directory.RoleUser}}
	users, err := a.all[3].UsersAfter(t.Context(), filter, a.bobs[0].ID-1, len(a.bobs))
	require.NoError(t, err)
	return users
}

func isAdministrator(f directory.Facts) bool {
	return f.Actor.User.Role == directory.RoleAdministrator
}

// NothingAfterADemotion is a [Race]: an administrator acts on four nodes while one node takes the role away.
func NothingAfterADemotion(t testing.TB, all Nodes, rounds int) error {
	a := newActing(t, all)
	ada := createNamed(t, all[0], "ada", directory.RoleAdministrator)
	p := logIn(t, all[0], ada)
	for range rounds {
		a.start(t, p, isAdministrator)
		setRole(t, all[3], ada.ID, directory.RoleUser)
		if err := a.end(t, a.read(t)); err != nil {
			return err
		}
		setRole(t, all[3], ada.ID, directory.RoleAdministrator)
	}
	return nil
}

// NothingAfterALogOut is a [Race]: a token acts on four nodes while one node ends it. The user's row does not
// change.
func NothingAfterALogOut(t testing.TB, all Nodes, rounds int) error {
	a := newActing(t, all)
	ada := createNamed(t, all[0], "ada", directory.RoleAdministrator)
	for range rounds {
		p := logIn(t, all[0], ada)
		a.start(t, p, isActor)
		require.NoError(t, patiently(func() error {
			_, err := all[3].Change(t.Context(), p, ada.ID, func(f directory.Facts) (directory.Change, error) {
				return directory.Change{User: f.Target, EndToken: p.Token.ID, Event: newEvent(directory.OperationDeleteAuthToken)}, nil
			})
			return err
		}))
		if err := a.end(t, a.read(t)); err != nil {
			return err
		}
	}
	return nil
}

// overlap lets each act wait for the next one, so that at every moment an act is open.
type overlap struct {
	mu   sync.Mutex
	next chan struct{} // closed when the next act has begun
}

// longestWait is how long an act waits for the next one, which does not come if a lock keeps it away.
const longestWait = 50 * time.Millisecond

func (o *overlap) wait() {
	next := make(chan struct{})
	o.mu.Lock()
	if o.next != nil {
		close(o.next)
	}
	o.next = next
	o.mu.Unlock()
	wait := time.NewTimer(longestWait)
	defer wait.Stop()
	select {
	case <-next:
	case <-wait.C:
	}
}

// mostOvertakings is how many acts may overtake a demotion. If the lock is fair, they are those that began before
// the demotion waits: 20 to 50.
const mostOvertakings = 1000

// ADemotionIsNotOvertaken is a [Race]: an administrator acts on four nodes, so that at every moment an act is
// open, while one node takes the role away. That node must not wait until there is no act.
func ADemotionIsNotOvertaken(t testing.TB, all Nodes, rounds int) (violation error) {
	a := newActing(t, all)
	ada := createNamed(t, all[0], "ada", directory.RoleAdministrator)
	p := logIn(t, all[0], ada)
	for range rounds {
		var acts overlap
		var overtakings atomic.Int64
		var waiting atomic.Bool
		a.start(t, p, func(f directory.Facts) bool {
			if !isAdministrator(f) || overtakings.Load() > mostOvertakings {
				return false
			}
			if waiting.Load() {
				overtakings.Add(1)
			}
			acts.wait()
			return true
		})
		waiting.Store(true)
		setRole(t, all[3], ada.ID, directory.RoleUser)
		if err := a.end(t, a.read(t)); err != nil {
			return err
		}
		if overtakings.Load() > mostOvertakings {
			return fmt.Errorf("more than %d acts of an administrator overtook the demotion", mostOvertakings)
		}
		setRole(t, all[3], ada.ID, directory.RoleAdministrator)
	}
	return nil
}

func isActor(f directory.Facts) bool { return isActive(f.Actor.User) }

// twoMayChangeEachOther: nobody waits for ever, and no change fails.
func twoMayChangeEachOther(t *testing.T, db Database) {
	all := db.OpenNodes(t)
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
	all := db.OpenNodes(t)
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
	all := db.OpenNodes(t)
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
	all := db.OpenNodes(t)
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
