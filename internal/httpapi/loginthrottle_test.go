package httpapi_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
	"userapi/internal/directory"
)

// stranger is a client without a token, at an address of its own.
type stranger struct {
	s       *apitest.Server
	address string
}

func (c stranger) logIn(t *testing.T, name, password string) apitest.Answer {
	t.Helper()
	return c.s.LogIn(t, name, password, "X-Forwarded-For: "+c.address)
}

// startLimited starts a server that allows 3 failed log-ins a minute, and returns its clock.
func startLimited(t *testing.T) (at func(address string) stranger, clock *apitest.Clock) {
	t.Helper()
	clock = apitest.NewClock()
	s := apitest.Start(t, apitest.Config{
		LogInLimit: 3, TrustedProxies: []string{"127.0.0.1"}, Clock: clock,
	})
	s.CreateUser(t, "ada", `"email":"ada@example.com"`)
	return func(address string) stranger { return stranger{s, address} }, clock
}

// Failed log-ins are counted for an account and an address, in any spelling of the name and
// even if it does not exist. The count is reset a minute after the first failure.
func TestFailedLogInsAreLimited(t *testing.T) {
	at, clock := startLimited(t)
	here, there := at("192.0.2.1"), at("192.0.2.2")
	for _, names := range [][]string{
		{"ada@example.com", "ADA@example.com", "Ada@Example.com", "ada@EXAMPLE.com"},
		{"default/ada", "default/ADA", "default/Ada", "default/aDA"},
		{"nobody@example.com", "Nobody@example.com", "NOBODY@example.com", "nobody@EXAMPLE.com"},
		{"default/nobody", "default/NoBody", "default/NOBODY", "default/nobody"},
		{"other/nobody", "other/NoBody", "other/NOBODY", "other/nobody"},
	} {
		for range 2 {
			for i, name := range names[:3] {
				require.Equal(t, 401, here.logIn(t, name, "wrong").Status, "%s %d", name, i)
			}
			refused := here.logIn(t, names[3], apitest.Password)
			require.Equal(t, 429, refused.Status, "even with the right password")
			require.Equal(t, "60", refused.Header.Get("Retry-After"))
			require.Equal(t, "too_many_requests", string(refused.Problem(t).Code))
			clock.Advance(59 * time.Second)
			refused = here.logIn(t, names[0], apitest.Password)
			require.Equal(t, 429, refused.Status)
			require.Equal(t, "1", refused.Header.Get("Retry-After"))
			require.Equal(t, 401, there.logIn(t, names[0], "wrong").Status, "another address has a count of its own")
			clock.Advance(time.Second)
		}
	}
	require.Equal(t, 401, here.logIn(t, "default/ada", "wrong").Status)
	for range 9 {
		require.Equal(t, 200, here.logIn(t, "default/ada", apitest.Password).Status, "log-ins that succeed are not counted")
	}
	require.Equal(t, 401, here.logIn(t, "default/ada", "wrong").Status)
	require.Equal(t, 401, here.logIn(t, "default/ada", "wrong").Status)
	require.Equal(t, 429, here.logIn(t, "default/ada", apitest.Password).Status)
}

// The two names of a user share their failures. If both together have too many, the
// answer is the same as for a wrong password, so that nobody learns that both are one user's.
func TestFailuresByTheOtherName(t *testing.T) {
	at, clock := startLimited(t)
	here := at("192.0.2.1")
	var wrong apitest.Answer
	for range 3 {
		wrong = here.logIn(t, "ada@example.com", "wrong")
		require.Equal(t, 401, wrong.Status)
	}
	for range 3 {
		refused := here.logIn(t, "default/ada", apitest.Password)
		require.Equal(t, wrong.WithoutRequestID(t), refused.WithoutRequestID(t), "even with the right password for the other name")
	}
	require.Equal(t, 429, here.logIn(t, "default/ada", apitest.Password).Status, "this name itself has failed three times")
	require.Equal(t, 200, at("192.0.2.2").logIn(t, "default/ada", apitest.Password).Status)
	clock.Advance(time.Minute)
	require.Equal(t, 200, here.logIn(t, "default/ada", apitest.Password).Status)

	for i := range 30 {
		require.Equal(t, 401, at(fmt.Sprintf("192.0.2.%d", i)).logIn(t, "default/ada", "wrong").Status)
	}
	there := at("198.51.100.1")
	require.Equal(t, 429, there.logIn(t, "default/ada", apitest.Password).Status)
	require.Equal(t, 401, there.logIn(t, "ada@example.com", apitest.Password).Status)
}

// Names that only look alike have counts of their own: only ASCII is folded in an e-mail
// address, whether it exists or not, and nothing in an enterprise.
func TestNamesAreCountedApart(t *testing.T) {
	at, _ := startLimited(t)
	for _, address := range []string{
		"ada@example.com", "\u1d00da@example.com", "ada@e\u1e8bample.com", "kelvin@example.com", "\u212aelvin@example.com",
		"default/nobody", "Default/nobody", "other/nobody",
	} {
		for range 3 {
			require.Equal(t, 401, at("192.0.2.1").logIn(t, address, "wrong").Status, address)
		}
		require.Equal(t, 429, at("192.0.2.1").logIn(t, address, "wrong").Status, address)
	}
}

// The minute begins with the first failure, not with the last.
func TestMinuteOfFailures(t *testing.T) {
	at, clock := startLimited(t)
	here := at("192.0.2.1")
	for _, wait := range []time.Duration{0, 20 * time.Second, 20 * time.Second} {
		clock.Advance(wait)
		require.Equal(t, 401, here.logIn(t, "ada@example.com", "wrong").Status)
	}
	require.Equal(t, "20", here.logIn(t, "ada@example.com", "wrong").Header.Get("Retry-After"))
	clock.Advance(20 * time.Second)
	require.Equal(t, 200, here.logIn(t, "ada@example.com", apitest.Password).Status)
}

// An address can fail ten times as often as an account from it. All addresses of an IPv6 /64
// count as one.
func TestFailedLogInsOfAnAddress(t *testing.T) {
	for name, addresses := range map[string][]string{
		"IPv4": {"192.0.2.1", "::ffff:192.0.2.1"}, "IPv6": {"2001:db8::1", "2001:db8::ffff:1"},
	} {
		t.Run(name, func(t *testing.T) {
			at, clock := startLimited(t)
			for i := range 30 {
				require.Equal(t, 401, at(addresses[i%2]).logIn(t, fmt.Sprintf("nobody%d@example.com", i), "wrong").Status)
			}
			require.Equal(t, 429, at(addresses[0]).logIn(t, "ada@example.com", apitest.Password).Status)
			require.Equal(t, 429, at(addresses[1]).logIn(t, "nobody@example.com", "wrong").Status)
			require.Equal(t, 200, at("192.0.2.2").logIn(t, "ada@example.com", apitest.Password).Status)
			require.Equal(t, 200, at("2001:db8:0:1::1").logIn(t, "ada@example.com", apitest.Password).Status)
			clock.Advance(time.Minute)
			require.Equal(t, 200, at(addresses[0]).logIn(t, "ada@example.com", apitest.Password).Status)
		})
	}
}

// An account can fail ten times as often from all addresses as from one.
func TestFailedLogInsOfAnAccount(t *testing.T) {
	for _, name := range []string{"ada@example.com", "nobody@example.com"} {
		at, clock := startLimited(t)
		for i := range 30 {
			require.Equal(t, 401, at(fmt.Sprintf("192.0.2.%d", i)).logIn(t, name, "wrong").Status)
		}
		require.Equal(t, 429, at("198.51.100.1").logIn(t, name, "wrong").Status)
		require.Equal(t, 401, at("198.51.100.1").logIn(t, "other@example.com", "wrong").Status)
		clock.Advance(time.Minute)
		require.Equal(t, 401, at("198.51.100.1").logIn(t, name, "wrong").Status)
	}
}

// Those who try many passwords at once get no more tries, because log-ins of an account come one after the
// other.
func TestWrongLogInsAtOnce(t *testing.T) {
	at, _ := startLimited(t)
	here := at("192.0.2.1")
	for _, name := range []string{"default/ada", "nobody@example.com"} {
		statuses := map[int]int{}
		for _, answer := range apitest.AtOnce(12, func(int) apitest.Answer { return here.logIn(t, name, "wrong") }) {
			statuses[answer.Status]++
			if answer.Status == 429 {
				require.Equal(t, "60", answer.Header.Get("Retry-After"))
			}
		}
		require.Equal(t, map[int]int{401: 3, 429: 9}, statuses, name)
	}
}

// Right log-ins of one account never refuse each other, however many are sent at once.
func TestRightLogInsAtOnce(t *testing.T) {
	at, _ := startLimited(t)
	for i, answer := range apitest.AtOnce(24, func(int) apitest.Answer { return at("192.0.2.1").logIn(t, "default/ada", apitest.Password) }) {
		require.Equal(t, 200, answer.Status, "%d %s", i, answer.Body)
	}
}

// slowHasher compares a password, and returns when the client has left.
type slowHasher struct {
	directory.Hasher
	compared chan struct{}
}

func (h slowHasher) Verify(ctx context.Context, password, hash string) (bool, error) {
	matches, err := h.Hasher.Verify(ctx, password, hash)
	close(h.compared)
	<-ctx.Done()
	return matches, err
}

// A failed log-in counts even if the client leaves before its answer.
func TestFailuresOfClientsThatLeaveAreCounted(t *testing.T) {
	slow := slowHasher{apitest.CheapHasher(), make(chan struct{})}
	s := apitest.Start(t, apitest.Config{Hasher: slow, LogInLimit: 1, Clock: apitest.NewClock()})
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan struct{})
	go func() {
		defer close(left)
		s.SendAndLeave(ctx, t, "POST", "/openapi/v1/auth-token", `{"username":"default/admin","password":"wrong"}`, apitest.NoAuth)
	}()
	<-slow.compared
	leave()
	<-left
	require.Equal(t, 429, s.LogIn(t, people.First.Username(), "wrong").Status, "it waits until the first one is counted")
}

// brokenCounts is a store whose counts of failed log-ins do not answer.
type brokenCounts struct{ directory.Store }

var errNoCounts = &directory.Error{Code: directory.CodeUnavailable}

func (brokenCounts) Failures(context.Context, []directory.FailureKey) (map[directory.FailureKey]directory.Failures, error) {
	return nil, errNoCounts
}

// brokenCounting is a store that answers how many log-ins have failed, but cannot count one more.
type brokenCounting struct{ directory.Store }

func (brokenCounting) AddFailure(context.Context, []directory.FailureKey) error {
	return errNoCounts
}

// If failures cannot be counted, nobody learns whether a password is right.
func TestLogInsWithoutCounts(t *testing.T) {
	s := apitest.Start(t, apitest.Config{LogInLimit: 3, Hasher: apitest.PanickingHasher{}, Store: func(s directory.Store) directory.Store { return brokenCounts{s} }})
	refused := s.LogIn(t, people.First.Username(), "wrong")
	require.Equal(t, 503, refused.Status, "no password is compared")
	require.Equal(t, "1", refused.Header.Get("Retry-After"))
	s = apitest.Start(t, apitest.Config{LogInLimit: 3, Store: func(s directory.Store) directory.Store { return brokenCounting{s} }})
	require.Equal(t, 503, s.LogIn(t, people.First.Username(), "wrong").Status)
}

// A log-in that times out does not count as failed.
func TestUndecidedLogInsAreNotCounted(t *testing.T) {
	for timeout, entered := 20*time.Millisecond, 0; entered < 3; timeout *= 2 { // on a busy machine, a request takes longer to reach the gate
		full := apitest.NewWatchedGate(0)
		s := apitest.Start(t, apitest.Config{Hashing: full, LogInLimit: 1, RequestTimeout: timeout})
		for range 3 {
			require.Equal(t, 503, s.LogIn(t, people.First.Username(), "wrong").Status)
		}
		entered = full.Entered()
	}
}

// Without a trusted proxy, X-Forwarded-For does not change the address that is counted.
func TestForwardedForIsNotBelieved(t *testing.T) {
	apitest.OneNode(t, "with nginx in between, nginx is the proxy")
	s := apitest.Start(t, apitest.Config{LogInLimit: 1, Clock: apitest.NewClock()})
	for i, status := range []int{401, 429, 429} {
		answer := s.LogIn(t, "a@example.com", "wrong", fmt.Sprintf("X-Forwarded-For: 192.0.2.%d", i))
		require.Equal(t, status, answer.Status)
	}
}

// The log has a line for each refusal with the request id, the address and the code.
func TestRefusalsAreLogged(t *testing.T) {
	s := apitest.Start(t, apitest.Config{LogInLimit: 1, Clock: apitest.NewClock()})
	ada := s.CreateUser(t, "ada")
	as := apitest.Auth(s.CreateToken(t, ada))
	for code, answer := range map[string]apitest.Answer{
		"unauthenticated":     s.Send(t, "GET", people.First.Path(), "", apitest.Auth("wrong")),
		"forbidden":           s.Send(t, "GET", "/openapi/v1/users", "", as),
		"invalid_credentials": s.LogIn(t, ada.Username(), "wrong"),
		"too_many_requests":   {},
	} {
		if code == "too_many_requests" {
			s.LogIn(t, ada.Username(), "wrong")
			answer = s.LogIn(t, ada.Username(), "wrong")
		}
		require.Equal(t, code, string(answer.Problem(t).Code))
		id := answer.Header.Get("X-Request-Id")
		apitest.WaitFor(func() bool { return strings.Contains(s.Log.String(), id) }) // that of a log-in follows its answer
		line := s.Log.LineWith(t, id)
		require.Contains(t, line, `"status":`+strconv.Itoa(answer.Status))
		require.Contains(t, line, `"address":"127.0.0.1"`)
		require.Contains(t, line, `"problem":"`+code+`"`)
	}
}

// A user can send only so many requests in a second, with all tokens together. Other users are not
// slowed down.
func TestRateLimit(t *testing.T) {
	s := apitest.Start(t, apitest.Config{RateLimit: 5})
	ada := s.CreateUser(t, "ada")
	as, too := apitest.Auth(s.CreateToken(t, ada)), apitest.Auth(s.CreateToken(t, ada))
	var refused apitest.Answer
	for passed, begin := 0, time.Now(); refused.Status != 429; {
		for _, answer := range apitest.AtOnce(20, func(i int) apitest.Answer {
			return s.Send(t, "PUT", ada.Path(), "[", "Content-Type: text/plain", []string{as, too}[i%2])
		}) {
			if answer.Status == 429 { // the limit comes before the checks of the body
				refused = answer
				continue
			}
			require.Equal(t, 415, answer.Status)
			passed++
		}
		require.GreaterOrEqual(t, passed, 5)
		require.LessOrEqual(t, float64(passed), 5+5*time.Since(begin).Seconds())
	}
	require.Equal(t, "1", refused.Header.Get("Retry-After"))
	require.Equal(t, 200, s.Send(t, "GET", "/healthz", "", as).Status)
	require.Equal(t, 200, s.Send(t, "GET", ada.Path(), "").Status, "another user has a limit of their own")
	require.Equal(t, 404, s.Send(t, "GET", "/nowhere", "", as).Status)
	for range 20 {
		require.Equal(t, 401, s.LogIn(t, ada.Username(), "wrong").Status, "requests without a token are not limited")
	}
	apitest.WaitFor(func() bool { return s.Send(t, "GET", ada.Path(), "", as).Status == 200 })
}
