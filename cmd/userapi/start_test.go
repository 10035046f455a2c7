package main

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
	"userapi/internal/directory"
	"userapi/internal/store/sqlite"
)

// openService opens the database at path, in the same way as another server.
func openService(t *testing.T, path string) *directory.Service {
	t.Helper()
	db, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return &directory.Service{Store: db, Now: time.Now, Random: rand.Reader}
}

// startWith does what serve does with the service before it listens.
func startWith(ctx context.Context, service *directory.Service, tokenFile string) error {
	command := &serveCommand{}
	command.FirstTokenFile = tokenFile
	return command.start(ctx, service, slog.New(slog.DiscardHandler))
}

// requireValid fails unless the file has the token of user 1, which is the only token.
func requireValid(t *testing.T, service *directory.Service, path string) {
	t.Helper()
	p, err := service.Authenticate(t.Context(), readToken(t, path))
	require.NoError(t, err)
	require.EqualValues(t, 1, p.User.ID)
	tokens, err := service.Tokens(t.Context(), 0)
	require.NoError(t, err)
	require.Len(t, tokens, 1)
}

// However many servers start at the same moment on a new database, with token files of
// their own or one that they share: all start, and one file is left, with the one valid token.
func TestServersThatStartTogether(t *testing.T) {
	const rounds, servers = 10, 4
	for round := range rounds {
		for _, shared := range []bool{false, true} {
			dir := t.TempDir()
			database := filepath.Join(dir, "userapi.db")
			_, err := sqlite.Migrate(t.Context(), database, sqlite.Options{})
			require.NoError(t, err)
			services := make([]*directory.Service, servers)
			for i := range services {
				services[i] = openService(t, database)
			}
			errs := make(chan error, servers)
			for i, service := range services {
				path := filepath.Join(dir, "own."+strconv.Itoa(i)+".token")
				if shared {
					path = filepath.Join(dir, "shared.token")
				}
				go func() { errs <- startWith(t.Context(), service, path) }()
			}
			for range services {
				require.NoError(t, <-errs, "round %d", round)
			}
			files, err := filepath.Glob(filepath.Join(dir, "*.token"))
			require.NoError(t, err)
			require.Len(t, files, 1)
			requireValid(t, services[0], files[0])
		}
	}
}

// racedStore runs race before the start that brings a new token.
type racedStore struct {
	directory.Store
	race func() error
}

func (s racedStore) Start(ctx context.Context, start directory.Start) (directory.Started, error) {
	if start.Made != nil {
		if err := s.race(); err != nil {
			return directory.Started{}, err
		}
	}
	return s.Store.Start(ctx, start)
}

// A server that has written its token file and finds that another was faster removes its
// own file, not the other's. So does one whose unit fails, and its next start is a first start.
func TestTokenFileThatIsNotValidIsRemoved(t *testing.T) {
	dir := t.TempDir()
	database := filepath.Join(dir, "userapi.db")
	_, err := sqlite.Migrate(t.Context(), database, sqlite.Options{})
	require.NoError(t, err)
	own, others := filepath.Join(dir, "own.token"), filepath.Join(dir, "others.token")
	service := openService(t, database)
	real := service.Store
	failure := errors.New("the disk is full")
	service.Store = racedStore{real, func() error {
		require.FileExists(t, own, "it is written before the unit")
		return failure
	}}
	require.ErrorIs(t, startWith(t.Context(), service, own), failure)
	require.NoFileExists(t, own)

	service.Store = racedStore{real, func() error {
		require.FileExists(t, own)
		return startWith(t.Context(), openService(t, database), others)
	}}
	require.NoError(t, startWith(t.Context(), service, own))
	require.NoFileExists(t, own)
	requireValid(t, service, others)
}

// On a directory that is not empty, a start neither writes nor removes a token file.
func TestLaterStartsLeaveTokenFilesAlone(t *testing.T) {
	dir := t.TempDir()
	database := filepath.Join(dir, "userapi.db")
	_, err := sqlite.Migrate(t.Context(), database, sqlite.Options{})
	require.NoError(t, err)
	service := openService(t, database)
	first, precious := filepath.Join(dir, "first.token"), filepath.Join(dir, "precious.token")
	require.NoError(t, startWith(t.Context(), service, first))
	require.NoError(t, os.WriteFile(precious, []byte("precious"), 0o600))
	for _, path := range []string{first, precious, filepath.Join(dir, "missing.token")} {
		require.NoError(t, startWith(t.Context(), service, path))
	}
	require.Equal(t, "precious", readToken(t, precious))
	require.NoFileExists(t, filepath.Join(dir, "missing.token"))
	requireValid(t, service, first)
}

// If a server starts with another operator's token or with none, each server that has the old token says so
// once. A server that starts with the same token changes nothing.
func TestOperatorTokenThatAnotherStartEnds(t *testing.T) { requireOperatorWarning(t, nil) }

func requireOperatorWarning(t *testing.T, settings []string) {
	t.Helper()
	const warning = "the operator's token is not valid any more"
	dir, operator := t.TempDir(), strings.Repeat("operator", 4)
	own := append([]string{"USERAPI_ADMIN_TOKEN=" + operator}, settings...)
	servers := []*server{startServer(t, dir, own), startServer(t, dir, own)}
	next := startServer(t, dir, append([]string{"USERAPI_ADMIN_TOKEN=" + strings.Repeat("successor", 4)}, settings...))
	for _, s := range servers {
		apitest.WaitFor(func() bool { return strings.Contains(s.log.String(), warning) })
		status, _ := s.sendRequest(t, operator, "GET", "/openapi/v1/users/1", "")
		require.Equal(t, 401, status)
	}
	require.NotContains(t, next.log.String(), warning)
	none := startServer(t, dir, settings)
	apitest.WaitFor(func() bool { return strings.Contains(next.log.String(), warning) })
	for _, s := range append(servers, next) {
		_, log := s.terminate(t)
		require.Equal(t, 1, strings.Count(log, warning), log)
		require.NotContains(t, log, "operatoroperator")
	}
	_, log := none.terminate(t)
	require.NotContains(t, log, warning)
}
