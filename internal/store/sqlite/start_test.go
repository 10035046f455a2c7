package sqlite

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/internal/directory"
	"userapi/internal/store"
)

// newStart returns the start of a server on an empty directory.
func newStart() directory.Start {
	active := true
	return directory.Start{
		At: time.Now(), Event: directory.Event{At: time.Now(), TargetID: 1},
		Admin: directory.User{
			ID: 1, Version: 1, NickName: "admin", EnterpriseID: "default",
			Role: directory.RoleSystemAdministrator, IsActive: &active, CreateTime: time.Now(),
		},
	}
}

// If the unit is rolled back and run again, the second run does everything that the first did.
func TestStartMayRunTwice(t *testing.T) {
	s := openStore(t)
	hash := directory.TokenHash{1}
	token := newHolderToken(1, hash)
	start := newStart()
	start.Made = &token
	undone := errors.New("rolled back")
	var first directory.Started
	err := s.writer.Write(t.Context(), func(tx session) (err error) {
		first, err = store.ApplyStart(tx.gorm, start)
		return errors.Join(err, undone)
	})
	require.Equal(t, undone.Error(), err.Error())
	second, err := s.Start(t.Context(), start)
	require.NoError(t, err)
	require.Equal(t, directory.Started{First: true}, second)
	require.Equal(t, first, second)
	p, err := s.Principal(t.Context(), hash)
	require.NoError(t, err)
	require.EqualValues(t, 1, p.User.ID)
	require.Len(t, eventNames(t, s), 2, "one for the user and one for the token")
}
