package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"userapi/internal/contract"
	"userapi/internal/directory"
	"userapi/internal/httpapi"
	"userapi/internal/mock"
	"userapi/internal/password"
	"userapi/internal/store/sqlite"
	"userapi/internal/telemetry"
)

// mockWorld serves the current generation, and replaces it with a new one when it is reset.
type mockWorld struct {
	seed       mock.Seed
	contract   *contract.Contract
	prefer     *mock.Prefer
	logger     *slog.Logger
	collectors []prometheus.Collector // metrics that every generation has
	fatal      func(error)

	folder   *mock.Folder
	database []byte // of a new generation

	resetMu sync.Mutex // held by the one who resets
	number  int        // of the newest generation

	mutex   sync.RWMutex // held while current changes
	current *generation
	retired sync.WaitGroup // generations that still have requests, or that are being closed
}

// generation is a server from one reset to the next. Everything that a request can change belongs to it, so a request that was
// received before a reset changes nothing after it.
type generation struct {
	name     string // of the file of the database
	db       *sqlite.Store
	clock    *mock.Clock
	api      http.Handler
	operator http.Handler
	requests sync.WaitGroup // that it serves
	replaced chan struct{}  // closed by a reset, so that delays end and the files are closed
}

// newMockWorld makes the first generation of a world. It first removes what mocks have left that were killed.
func newMockWorld(ctx context.Context, w *mockWorld) (_ *mockWorld, err error) {
	removed, err := mock.RemoveAbandoned(os.TempDir())
	if err != nil {
		w.logger.Warn("the folder of a mock that was killed cannot be removed", "error", err)
	}
	for _, path := range removed {
		w.logger.Info("removed the folder of a mock that was killed", "folder", path)
	}
	if w.folder, err = mock.NewFolder(os.TempDir()); err != nil {
		return nil, err
	}
	if w.database, err = w.makeDatabase(ctx); err == nil {
		w.current, err = w.newGeneration(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, w.folder.Remove())
	}
	return w, nil
}

// close closes the databases and removes them. Call it when no request is served any more.
func (w *mockWorld) close() error {
	w.retired.Wait()
	return errors.Join(w.current.db.Close(), w.folder.Remove())
}

func (w *mockWorld) options() sqlite.Options {
	return sqlite.Options{Logger: w.logger, Fatal: w.fatal}
}

// makeDatabase returns a database that holds the seed.
func (w *mockWorld) makeDatabase(ctx context.Context) ([]byte, error) {
	const name = "seed"
	path := w.folder.File(name)
	if _, err := sqlite.Migrate(ctx, path, w.options()); err != nil {
		return nil, err
	}
	accounts, tokens, err := w.rows(ctx)
	if err != nil {
		return nil, err
	}
	db, err := sqlite.Open(ctx, path, w.options())
	if err != nil {
		return nil, err
	}
	if err := errors.Join(db.Insert(ctx, accounts, tokens), db.Close()); err != nil {
		return nil, err
	}
	content, err := os.ReadFile(path)
	return content, errors.Join(err, w.folder.RemoveFile(name))
}

// rows returns the users and tokens of the seed.
func (w *mockWorld) rows(ctx context.Context) (accounts []directory.Account, tokens []directory.NewToken, err error) {
	begin := mock.NewClock(w.seed.Now).Now()
	hasher := password.NewHasher(password.CheapestParams())
	for _, u := range w.seed.Users {
		account := directory.Account{User: directory.User{
			ID: u.ID, Version: 1, NickName: u.NickName, EnterpriseID: u.EnterpriseID, Role: u.Role, Email: u.Email, Phone: u.Phone,
			IsActive: u.IsActive, CreateTime: u.CreateTime,
		}}
		if u.CreateTime.IsZero() {
			account.User.CreateTime = begin
		}
		if u.Password != "" {
			if account.PasswordHash, err = hasher.Hash(ctx, u.Password); err != nil {
				return nil, nil, err
			}
		}
		accounts = append(accounts, account)
	}
	for _, t := range w.seed.Tokens {
		tokens = append(tokens, directory.NewToken{
			Token: directory.Token{UserID: t.UserID, Name: t.Name, Kind: directory.TokenMade, Created: begin, Expires: t.Expires},
			Hash:  directory.HashToken(t.Token),
		})
	}
	return accounts, tokens, nil
}

// newGeneration opens a copy of the database that holds the seed.
func (w *mockWorld) newGeneration(ctx context.Context) (*generation, error) {
	w.number++
	g := &generation{name: strconv.Itoa(w.number), clock: mock.NewClock(w.seed.Now), replaced: make(chan struct{})}
	err := os.WriteFile(w.folder.File(g.name), w.database, 0o600)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("write a database: %w", err), w.folder.RemoveFile(g.name))
	}
	if g.db, err = sqlite.Open(ctx, w.folder.File(g.name), w.options()); err != nil {
		return nil, errors.Join(err, w.folder.RemoveFile(g.name))
	}
	if err := g.prepare(w); err != nil {
		return nil, errors.Join(err, g.remove(w.folder))
	}
	return g, nil
}

// prepare makes the handlers of the generation.
func (g *generation) prepare(w *mockWorld) error {
	service := newService(withoutFailures{g.db}, logInLife, 0)
	service.Hasher = password.NewHasher(password.CheapestParams())
	service.Now = g.clock.Now
	metrics := newMetrics(g.db, service, w.collectors...)
	g.operator = telemetry.OpsHandler(metrics, g.db.Ready, false)
	ids := new(mock.RequestIDs)
	api, err := (&httpapi.Server{
		Contract: w.contract, Directory: service, Ready: g.db.Ready, Logger: w.logger, Metrics: metrics,
		RequestTimeout: requestTimeout, RequestID: ids.Next,
	}).Handler()
	if err != nil {
		return err
	}
	g.api = w.prefer.Wrap(api, ids.Next, g.replaced)
	return nil
}

// logInLife is how long a log-in token of a mock is valid, as 'userapi serve' has it if nothing else is set.
const logInLife = 720 * time.Hour

// withoutFailures is a store that counts no failures, so that no limit of them is ever reached.
type withoutFailures struct{ *sqlite.Store }

// Failures implements [directory.Store].
func (withoutFailures) Failures(context.Context, []directory.FailureKey) (map[directory.FailureKey]directory.Failures, error) {
	return nil, nil
}

// AddFailure implements [directory.Store].
func (withoutFailures) AddFailure(context.Context, []directory.FailureKey) error { return nil }

func (g *generation) remove(folder *mock.Folder) error {
	return errors.Join(g.db.Close(), folder.RemoveFile(g.name))
}

// enter returns the current generation, which stays open until leave is called.
func (w *mockWorld) enter() (g *generation, leave func()) {
	w.mutex.RLock()
	defer w.mutex.RUnlock()
	w.current.requests.Add(1)
	return w.current, w.current.requests.Done
}

// ServeHTTP serves a request to the API.
func (w *mockWorld) ServeHTTP(response http.ResponseWriter, request *http.Request) {
	g, leave := w.enter()
	defer leave()
	g.api.ServeHTTP(response, request)
}

// serveOperator serves what 'userapi serve' serves at the ops listener.
func (w *mockWorld) serveOperator(response http.ResponseWriter, request *http.Request) {
	g, leave := w.enter()
	defer leave()
	g.operator.ServeHTTP(response, request)
}

// serveNow reads and moves the clock.
func (w *mockWorld) serveNow(response http.ResponseWriter, request *http.Request) {
	g, leave := w.enter()
	defer leave()
	g.clock.ServeHTTP(response, request)
}

// serveReset brings the seed back. It takes no body, because there is nothing to choose.
func (w *mockWorld) serveReset(response http.ResponseWriter, request *http.Request) {
	if n, _ := request.Body.Read(make([]byte, 1)); n > 0 {
		mock.WriteProblem(response, mock.NoBody)
		return
	}
	if err := w.reset(context.WithoutCancel(request.Context())); err != nil {
		w.logger.Error("the seed cannot be brought back", "error", err)
		mock.WriteProblem(response, mock.InternalError)
		return
	}
	response.WriteHeader(http.StatusNoContent)
}

// reset replaces the current generation. The old one is closed when its last request has been answered.
func (w *mockWorld) reset(ctx context.Context) error {
	w.resetMu.Lock()
	defer w.resetMu.Unlock()
	next, err := w.newGeneration(ctx)
	if err != nil {
		return err
	}
	w.mutex.Lock()
	old := w.current
	w.current = next
	w.mutex.Unlock()
	close(old.replaced)
	w.retired.Go(func() {
		old.requests.Wait()
		if err := old.remove(w.folder); err != nil {
			w.logger.Warn("the database from before a reset cannot be removed", "error", err)
		}
	})
	return nil
}
