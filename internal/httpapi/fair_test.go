package httpapi_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
	"userapi/internal/directory"
)

// orderedHasher holds the first request until release is closed, and records which passwords are
// hashed or compared, in order.
type orderedHasher struct {
	directory.Hasher
	first   atomic.Bool
	held    chan struct{} // closed when the first request is held
	release chan struct{}
	hashed  chan string
}

func newOrderedHasher() *orderedHasher {
	return &orderedHasher{
		Hasher: apitest.CheapHasher(), held: make(chan struct{}), release: make(chan struct{}), hashed: make(chan string, 1000),
	}
}

func (h *orderedHasher) note(password string) {
	if h.first.CompareAndSwap(false, true) {
		close(h.held)
		<-h.release
	}
	h.hashed <- password
}

func (h *orderedHasher) Hash(ctx context.Context, password string) (string, error) {
	h.note(password)
	return h.Hasher.Hash(ctx, password)
}

func (h *orderedHasher) Verify(ctx context.Context, password, hash string) (bool, error) {
	h.note(password)
	return h.Hasher.Verify(ctx, password, hash)
}

// fairServer is a server that hashes a few passwords at a time. Its first request waits until release.
type fairServer struct {
	*apitest.Server
	hasher  *orderedHasher
	gate    *apitest.WatchedGate
	entered int
	waiting sync.WaitGroup
}

func startFair(t *testing.T, slots int) *fairServer {
	f := &fairServer{hasher: newOrderedHasher(), gate: apitest.NewWatchedGate(slots)}
	f.Server = apitest.Start(t, apitest.Config{Hashing: f.gate, Hasher: f.hasher, TrustedProxies: []string{"127.0.0.1"}})
	f.DB.InsertPeopleWhoLogIn(t)
	return f
}

// send sends a request and returns when it waits to hash. It fails the test if the answer has another status.
func (f *fairServer) send(t *testing.T, status int, send func() apitest.Answer) {
	t.Helper()
	f.waiting.Go(func() {
		if answer := send(); answer.Status != status {
			t.Errorf("%d instead of %d: %s", answer.Status, status, answer.Body)
		}
	})
	if f.entered++; f.entered == 1 {
		<-f.hasher.held
	}
	apitest.WaitFor(func() bool { return f.gate.Entered() == f.entered || t.Failed() })
}

// finish lets all requests go on, and returns the order in which their passwords were hashed.
func (f *fairServer) finish() (hashed []string) {
	close(f.hasher.release)
	f.waiting.Wait()
	for range f.entered {
		hashed = append(hashed, <-f.hasher.hashed)
	}
	return hashed
}

// A user who changes the password on many connections keeps neither log-ins nor other users waiting for
// more than one of them.
func TestHashingTakesTurns(t *testing.T) {
	f := startFair(t, 1)
	for i := range 6 {
		f.send(t, 200, func() apitest.Answer {
			return f.Send(t, "PUT", "/openapi/v1/changepwd", apitest.NewPassword(fmt.Sprintf("flood %d", 100+i)), people.User.Auth())
		})
	}
	f.send(t, 200, func() apitest.Answer {
		return f.Send(t, "PUT", people.OtherUser.Path()+"/changepwd", people.OtherUser.NewPassword("by an administrator"), people.Admin.Auth())
	})
	f.send(t, 200, func() apitest.Answer { return f.LogIn(t, people.OtherAdmin.Username(), apitest.Password) })
	require.Equal(t, []string{"flood 100", apitest.Password, "by an administrator", "flood 101"}, f.finish()[:4])
}

// A network that floods log-ins, of one account or of many, keeps those from another network waiting for
// only one of them. In a network, the names take turns.
func TestLogInsTakeTurnsByNetwork(t *testing.T) {
	for network, addresses := range map[string][2]string{
		"IPv4": {"192.0.2.1", "192.0.2.2"}, "IPv6": {"2001:db8:1:%d::1", "2001:db8:2::1"},
	} {
		t.Run(network, func(t *testing.T) {
			f := startFair(t, 1)
			logIn := func(status int, address, name, password string) {
				f.send(t, status, func() apitest.Answer { return f.LogIn(t, name, password, "X-Forwarded-For: "+address) })
			}
			for i := range 6 {
				address := addresses[0]
				if network == "IPv6" {
					address = fmt.Sprintf(address, i) // all in one /48
				}
				logIn(401, address, people.User.Username(), fmt.Sprint("known ", i))
				logIn(401, address, "nobody@example.com", fmt.Sprint("unknown ", i))
			}
			logIn(200, addresses[1], people.User.Username(), apitest.Password)
			require.Equal(t, []string{"known 0", apitest.Password, "unknown 0", "known 1", "unknown 1"}, f.finish()[:5])
		})
	}
}

// Log-ins with one name come one after the other, although slots are free.
func TestLogInsOfAnAccountComeOneAfterTheOther(t *testing.T) {
	f := startFair(t, 8)
	for i := range 4 {
		f.send(t, 401, func() apitest.Answer { return f.LogIn(t, people.User.Username(), fmt.Sprint("wrong ", i)) })
	}
	f.send(t, 200, func() apitest.Answer { return f.LogIn(t, people.OtherUser.Username(), apitest.Password) })
	require.Equal(t, apitest.Password, <-f.hasher.hashed, "others do not wait for them")
	f.entered--
	require.Equal(t, []string{"wrong 0", "wrong 1", "wrong 2", "wrong 3"}, f.finish())
}

// One user's requests cannot use up the room to wait: the longest line is refused, not the request that comes last.
func TestTheLongestLineIsRefused(t *testing.T) {
	const room = 128
	f := startFair(t, 1)
	statuses := make(chan int, room+20)
	for range room + 20 {
		f.waiting.Go(func() {
			answer := f.Send(t, "PUT", "/openapi/v1/changepwd", apitest.NewPassword("new password"), people.User.Auth())
			if answer.Status == 503 && answer.Header.Get("Retry-After") != "1" {
				t.Error("no Retry-After")
			}
			statuses <- answer.Status
		})
	}
	for range 19 { // one is held
		require.Equal(t, 503, <-statuses)
	}
	f.entered = room + 20
	f.send(t, 200, func() apitest.Answer { return f.LogIn(t, people.OtherAdmin.Username(), apitest.Password) })
	require.Equal(t, 503, <-statuses, "of the one who sends many")
	close(f.hasher.release)
	f.waiting.Wait()
}

// heldSearches is a store that holds searches until release is closed, and tells in which order they begin.
type heldSearches struct {
	directory.Store
	begun   chan string
	release map[string]chan struct{}
}

func (s heldSearches) Users(ctx context.Context, filter directory.UserFilter, page directory.Page) ([]directory.User, int64, error) {
	if filter.Text != "" {
		s.begun <- filter.Text
		<-s.release[filter.Text]
	}
	return s.Store.Users(ctx, filter, page)
}

// An enterprise has one search at a time, so its searches do not keep those of another enterprise
// waiting. Lists without a text wait for nothing.
func TestSearchesTakeTurnsByEnterprise(t *testing.T) {
	store := heldSearches{begun: make(chan string, 100), release: map[string]chan struct{}{}}
	gate := apitest.NewWatchedGate(2)
	s := apitest.Start(t, apitest.Config{Searching: gate, Store: func(s directory.Store) directory.Store {
		store.Store = s
		return store
	}})
	s.DB.InsertPeople(t)
	for _, text := range []string{"flood0", "flood1", "flood2", "flood3", "other-admin", "foreign", "foreign2"} {
		store.release[text] = make(chan struct{})
	}
	var waiting sync.WaitGroup
	sent := 0
	search := func(text string, actor apitest.Person) {
		waiting.Go(func() {
			if answer := s.Send(t, "GET", "/openapi/v1/users?query="+text, "", actor.Auth()); answer.Status != 200 {
				t.Error(answer.Status)
			}
		})
		sent++
		apitest.WaitFor(func() bool { return gate.Entered() == sent || t.Failed() })
	}
	for i := range 4 {
		search(fmt.Sprint("flood", i), people.Admin)
	}
	require.Equal(t, "flood0", <-store.begun)
	search("foreign", people.ForeignAdmin)
	require.Equal(t, "foreign", <-store.begun, "it begins although a search of the other enterprise runs")
	search("other-admin", people.OtherAdmin)
	search("foreign2", people.ForeignAdmin)
	require.Equal(t, 200, s.Send(t, "GET", "/openapi/v1/users", "", people.Admin.Auth()).Status)
	close(store.release["flood0"])
	require.Equal(t, "other-admin", <-store.begun, "users of an enterprise take turns")
	for text, release := range store.release {
		if text != "flood0" {
			close(release)
		}
	}
	waiting.Wait()
}
