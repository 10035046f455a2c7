package sqlite

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/mattn/go-sqlite3"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"userapi/internal/directory"
)

func TestTranslateKeepsUnknownErrors(t *testing.T) {
	require.NoError(t, translate(nil))
	require.Equal(t, sql.ErrConnDone, translate(sql.ErrConnDone))
	known := errors.Join(&directory.Error{Code: directory.CodeForbidden})
	require.Equal(t, known, translate(known))
}

// errBusy is the error of SQLite if another process holds the lock for too long.
var errBusy = sqlite3.Error{Code: sqlite3.ErrBusy}

// busyStatements is a prepared path on which each statement fails.
type busyStatements struct{}

func (busyStatements) queryRow(string, func([]driver.Value) error, ...driver.Value) error {
	return errBusy
}

func (busyStatements) exec(string, ...driver.Value) error { return errBusy }

// failReads makes each statement of the read session and of the scan session fail.
func failReads(t *testing.T, s *Store) {
	t.Helper()
	for _, db := range []*session{&s.readSession, &s.scanSession} {
		db.prepared = busyStatements{}
		fail := func(db *gorm.DB) { _ = db.AddError(errBusy) }
		require.NoError(t, db.gorm.Callback().Query().Before("gorm:query").Register("fail", fail))
		require.NoError(t, db.gorm.Callback().Row().Before("gorm:row").Register("fail", fail))
	}
}

// The test finds the methods itself, so it covers those that are added later.
func TestEveryReadTranslatesErrors(t *testing.T) {
	s := openStore(t)
	failReads(t, s)
	others := []string{"AddFailure", "Change", "Close", "Failures", "Insert", "Metrics", "OnRead", "Start", "Stats"} // the counts of failures are in memory
	methods := reflect.TypeOf(s)
	for i := range methods.NumMethod() {
		method := methods.Method(i)
		if slices.Contains(others, method.Name) {
			continue
		}
		arguments := []reflect.Value{reflect.ValueOf(s), reflect.ValueOf(t.Context())}
		for j := 2; j < method.Type.NumIn(); j++ {
			arguments = append(arguments, reflect.Zero(method.Type.In(j)))
		}
		results := method.Func.Call(arguments)
		err, _ := results[len(results)-1].Interface().(error)
		require.True(t, directory.IsCode(err, directory.CodeUnavailable), "%s: %v", method.Name, err)
	}
}

// Facts returns LastAdministrator, a function that reads later.
func TestLastAdministratorTranslatesErrors(t *testing.T) {
	s := openStore(t)
	active := true
	var created directory.User
	require.NoError(t, s.writer.Write(t.Context(), func(tx session) (err error) {
		created, err = insertUser(tx, directory.User{
			Version: 1, NickName: "ada", EnterpriseID: "default", Role: directory.RoleAdministrator, IsActive: &active, CreateTime: time.Now(),
		}, "")
		return err
	}))
	facts, err := s.Facts(t.Context(), directory.Operator(), created.ID)
	require.NoError(t, err)
	failReads(t, s)
	_, err = facts.LastAdministrator()
	require.True(t, directory.IsCode(err, directory.CodeUnavailable), "%v", err)
}
