package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"userapi/internal/directory"
	"userapi/internal/fair"
	"userapi/internal/password"
	"userapi/internal/store/sqlite"
)

// searchSlots is how many searches run at the same time. An enterprise has one at a time, so
// a second place keeps its searches from delaying those of another enterprise.
const searchSlots = 2

// emailSlots is how many actors set e-mail addresses at the same time. They are as many as may wait to
// be written, so the gate delays nobody but an actor who sets several.
const emailSlots = 1024

// newService returns the directory in db. The life of a log-in token and the limit of
// failed log-ins per minute matter only to a server; other commands pass 0.
func newService(db directory.Store, tokenLife time.Duration, loginLimit int) *directory.Service {
	return &directory.Service{
		Store: db,
		// Hashing uses half of the cores, so that the other half serves all other requests.
		Hashing:    fair.NewGate(max(1, runtime.GOMAXPROCS(0)/2)),
		Hasher:     password.NewHasher(password.Params()),
		Searching:  fair.NewGate(searchSlots),
		Emails:     fair.NewGate(emailSlots),
		Now:        time.Now,
		Random:     rand.Reader,
		TokenLife:  tokenLife,
		LogInLimit: loginLimit,
	}
}

// withService opens an existing database for writing, calls do and closes the database.
func withService(ctx context.Context, setting databaseSetting, do func(*directory.Service) error) error {
	return useService(ctx, setting, setting.open, do)
}

// withReadService is withService for commands that only read. They work on a read-only file, too.
func withReadService(ctx context.Context, setting databaseSetting, do func(*directory.Service) error) error {
	return useService(ctx, setting, setting.openToRead, do)
}

func useService(ctx context.Context, setting databaseSetting, open func(context.Context, sqlite.Options) (database, error),
	do func(*directory.Service) error,
) (err error) {
	db, err := open(ctx, sqlite.Options{Fatal: exitUnconfirmed})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	err = do(newService(db, 0, 0))
	if directory.IsCode(err, directory.CodeUnavailable) {
		err = fmt.Errorf("%s cannot be used at the moment: nothing was changed, run the command again (%w)", setting.name(), err)
	}
	return err
}

// exitUnconfirmed ends a command that cannot know whether its commit is on disk.
func exitUnconfirmed(err error) {
	fmt.Fprintln(os.Stderr, "userapi:", err)
	os.Exit(exitFailed)
}

// explainNotFound turns [directory.CodeNotFound] into a sentence, and returns all other
// errors unchanged.
func explainNotFound(err error, noun string, id any) error {
	if directory.IsCode(err, directory.CodeNotFound) {
		return fmt.Errorf("there is no %s %v", noun, id)
	}
	return err
}
