package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
	"userapi/internal/directory"
)

// takenEmail sets an address that a user of another enterprise has, in another letter case.
const takenEmail = `{"email":"TAKEN@example.com"}`

// startWithTakenEmail starts a server with the people, of whom ForeignUser has the address of takenEmail.
func startWithTakenEmail(t *testing.T, config apitest.Config) *apitest.Server {
	t.Helper()
	s := apitest.Start(t, config)
	s.DB.InsertPeople(t)
	require.Equal(t, 200, s.Send(t, "PUT", people.ForeignUser.Path(), `{"email":"taken@example.com"}`).Status)
	return s
}

// setEmail sends an update of the actor's own user, who is not a system administrator.
func setEmail(t *testing.T, s *apitest.Server, actor apitest.Person, body string) apitest.Answer {
	t.Helper()
	return s.Send(t, "PUT", actor.Path(), body, actor.Auth())
}

// requireTaken sends takenEmail this often and fails unless it is always taken.
func requireTaken(t *testing.T, s *apitest.Server, actor apitest.Person, times int) {
	t.Helper()
	for i := range times {
		answer := setEmail(t, s, actor, takenEmail)
		require.Equal(t, 409, answer.Status, "%d %s", i, answer.Body)
		require.Equal(t, "email_taken", string(answer.Problem(t).Code))
	}
}

// freeEmails returns bodies that each set another address, which nobody has.
func freeEmails() (next func() string) {
	n := 0
	return func() string {
		n++
		return fmt.Sprintf(`{"email":"free%d@example.com"}`, n)
	}
}

// After ten addresses were taken within a minute, an actor may name no further one until the minute is
// over, in no request and with no token. The actor may do everything else, and others everything.
func TestTakenAddressesAreLimited(t *testing.T) {
	clock := apitest.NewClock()
	s := startWithTakenEmail(t, apitest.Config{Clock: clock})
	free, names := freeEmails(), 0
	create := func(member string) apitest.Answer {
		names++
		return s.Send(t, "POST", "/openapi/v1/users", apitest.NewUser("default", fmt.Sprint("new", names), member), people.Admin.Auth())
	}
	for range 5 {
		requireTaken(t, s, people.Admin, 1)
		answer := create(`"email":"taken@example.com"`)
		require.Equal(t, 409, answer.Status, answer.Body)
		clock.Advance(time.Second)
	}
	as := apitest.Auth(s.CreateToken(t, people.Admin))
	for what, answer := range map[string]apitest.Answer{
		"a taken one":       setEmail(t, s, people.Admin, takenEmail),
		"a free one":        setEmail(t, s, people.Admin, free()),
		"another token":     s.Send(t, "PUT", people.Admin.Path(), free(), as),
		"another user":      s.Send(t, "PUT", people.User.Path(), free(), as),
		"a missing user":    s.Send(t, "PUT", people.Missing.Path(), free(), as),
		"an old version":    s.Send(t, "PUT", people.Admin.Path(), free(), as, `If-Match: "99"`),
		"with a password":   setEmail(t, s, people.Admin, `{"email":"free@example.com","password":"battery staple"}`),
		"of a new user":     create(`"email":"free@example.com"`),
		"taken by new user": create(`"email":"taken@example.com"`),
	} {
		require.Equal(t, 429, answer.Status, "%s: %s", what, answer.Body)
		require.Equal(t, "55", answer.Header.Get("Retry-After"), what)
		require.Equal(t, "too_many_requests", string(answer.Problem(t).Code), what)
	}
	require.Equal(t, 422, setEmail(t, s, people.Admin, `{"email":"x"}`).Status, "422 comes before this 429")
	require.Equal(t, 200, setEmail(t, s, people.Admin, `{"phone":"1"}`).Status)
	require.Equal(t, 200, setEmail(t, s, people.Admin, `{"password":"battery staple"}`).Status)
	require.Equal(t, 200, setEmail(t, s, people.Admin, "").Status)
	require.Equal(t, 201, create(`"phone":"1"`).Status)

	requireTaken(t, s, people.OtherAdmin, 1)
	require.Equal(t, 200, setEmail(t, s, people.OtherAdmin, free()).Status, "another actor has a count of their own")

	clock.Advance(54 * time.Second)
	require.Equal(t, "1", setEmail(t, s, people.Admin, free()).Header.Get("Retry-After"))
	clock.Advance(time.Second)
	require.Equal(t, 200, setEmail(t, s, people.Admin, free()).Status)
	requireTaken(t, s, people.Admin, 10)
	require.Equal(t, 429, setEmail(t, s, people.Admin, free()).Status)
}

// Only addresses that were taken count: not those that are free, and not requests that are refused for another
// reason.
func TestOnlyTakenAddressesCount(t *testing.T) {
	s := startWithTakenEmail(t, apitest.Config{Clock: apitest.NewClock()})
	free := freeEmails()
	require.Equal(t, 200, s.Send(t, "PUT", people.ForeignUser.Path(), `{"email":"taken@example.com"}`, people.ForeignUser.Auth()).Status)
	for range 11 {
		require.Equal(t, 200, setEmail(t, s, people.Admin, free()).Status)
		require.Equal(t, 422, setEmail(t, s, people.Admin, `{"email":"taken@example.com","x":1}`).Status)
		require.Equal(t, 404, s.Send(t, "PUT", people.Missing.Path(), takenEmail, people.Admin.Auth()).Status)
		require.Equal(t, 404, s.Send(t, "PUT", people.ForeignUser.Path(), takenEmail, people.Admin.Auth()).Status)
		require.Equal(t, 403, setEmail(t, s, people.Admin, `{"email":"taken@example.com","enterprise_id":"other"}`).Status)
		require.Equal(t, 412, s.Send(t, "PUT", people.Admin.Path(), takenEmail, people.Admin.Auth(), `If-Match: "99"`).Status)
		named := s.Send(t, "POST", "/openapi/v1/users", apitest.NewUser("default", people.User.Name, `"email":"new@example.com"`), people.Admin.Auth())
		require.Equal(t, "nick_name_taken", string(named.Problem(t).Code))
	}
	requireTaken(t, s, people.Admin, 10)
	require.Equal(t, 429, setEmail(t, s, people.Admin, free()).Status)
}

// Every role has the limit, except system administrators, who see every address.
func TestSystemAdministratorsHaveNoLimitOfTakenAddresses(t *testing.T) {
	s := startWithTakenEmail(t, apitest.Config{Clock: apitest.NewClock()})
	free := freeEmails()
	for _, actor := range people.Inserted() {
		if actor == people.ForeignUser {
			continue // who has the address
		}
		requireTaken(t, s, actor, 10)
		if actor.Role == directory.RoleSystemAdministrator {
			requireTaken(t, s, actor, 1)
			require.Equal(t, 200, setEmail(t, s, actor, free()).Status)
		} else {
			require.Equal(t, 429, setEmail(t, s, actor, free()).Status, actor.Name)
		}
	}
}

// blindStore looks nothing up that a change needs while blind is set.
type blindStore struct {
	directory.Store
	blind *atomic.Bool
}

func (s blindStore) Facts(ctx context.Context, p directory.Principal, id directory.UserID) (directory.Facts, error) {
	if s.blind.Load() {
		return directory.Facts{}, errors.New("looked up")
	}
	return s.Store.Facts(ctx, p, id)
}

func (s blindStore) Change(ctx context.Context, p directory.Principal, id directory.UserID, decide directory.Decide) (directory.User, error) {
	if s.blind.Load() {
		return directory.User{}, errors.New("looked up")
	}
	return s.Store.Change(ctx, p, id, decide)
}

// A request that the limit refuses looks nothing up and hashes no password, so its time tells nothing either.
func TestRefusedAddressesAreNotLookedUp(t *testing.T) {
	var blind atomic.Bool
	s := startWithTakenEmail(t, apitest.Config{Clock: apitest.NewClock(), Store: func(s directory.Store) directory.Store {
		return blindStore{s, &blind}
	}})
	requireTaken(t, s, people.Admin, 10)
	blind.Store(true)
	for _, body := range []string{takenEmail, `{"email":"free@example.com"}`, `{"email":"free@example.com","password":"battery staple"}`} {
		require.Equal(t, 429, setEmail(t, s, people.Admin, body).Status)
	}
	newUser := apitest.NewUser("default", "new", `"email":"free@example.com"`)
	require.Equal(t, 429, s.Send(t, "POST", "/openapi/v1/users", newUser, people.Admin.Auth()).Status)
	require.Equal(t, 500, setEmail(t, s, people.Admin, `{"phone":"1"}`).Status)
}

// Those who try many addresses at once learn no more, because the changes of an actor that name one come one
// after the other.
func TestTakenAddressesAtOnce(t *testing.T) {
	apitest.OneNode(t, "each node lets in one change of an actor at a time")
	s := startWithTakenEmail(t, apitest.Config{Clock: apitest.NewClock()})
	statuses := map[int]int{}
	for _, answer := range apitest.AtOnce(40, func(i int) apitest.Answer {
		if i%2 == 0 {
			return setEmail(t, s, people.Admin, takenEmail)
		}
		newUser := apitest.NewUser("default", fmt.Sprint("new", i), `"email":"taken@example.com"`)
		return s.Send(t, "POST", "/openapi/v1/users", newUser, people.Admin.Auth())
	}) {
		statuses[answer.Status]++
	}
	require.Equal(t, map[int]int{409: 10, 429: 30}, statuses)
}

// leavingStore makes the client of the next change leave before its answer, if leave is set.
type leavingStore struct {
	directory.Store
	leave *atomic.Pointer[context.CancelFunc]
}

func (s leavingStore) Change(ctx context.Context, p directory.Principal, id directory.UserID, decide directory.Decide) (directory.User, error) {
	user, err := s.Store.Change(ctx, p, id, decide)
	if leave := s.leave.Swap(nil); leave != nil {
		(*leave)()
		<-ctx.Done()
	}
	return user, err
}

// A taken address counts even if the client leaves before the answer.
func TestTakenAddressesOfClientsThatLeaveCount(t *testing.T) {
	apitest.OneNode(t, "another node does not wait until the failure is counted")
	var leave atomic.Pointer[context.CancelFunc]
	s := startWithTakenEmail(t, apitest.Config{Clock: apitest.NewClock(), Store: func(s directory.Store) directory.Store {
		return leavingStore{s, &leave}
	}})
	requireTaken(t, s, people.User, 9)
	ctx, cancel := context.WithCancel(t.Context())
	leave.Store(&cancel)
	s.SendAndLeave(ctx, t, "PUT", people.User.Path(), takenEmail, people.User.Auth())
	require.Equal(t, 429, setEmail(t, s, people.User, `{"email":"free@example.com"}`).Status, "it waits until the tenth one is counted")
}

// If taken addresses cannot be counted, nobody learns whether one is taken.
func TestTakenAddressesWithoutCounts(t *testing.T) {
	for name, store := range map[string]func(directory.Store) directory.Store{
		"read": func(s directory.Store) directory.Store { return brokenCounts{s} },
		"add":  func(s directory.Store) directory.Store { return brokenCounting{s} },
	} {
		s := startWithTakenEmail(t, apitest.Config{Store: store})
		refused := setEmail(t, s, people.User, takenEmail)
		require.Equal(t, 503, refused.Status, name)
		require.Equal(t, "1", refused.Header.Get("Retry-After"))
		require.Equal(t, 200, setEmail(t, s, people.User, `{"phone":"1"}`).Status)
	}
}
