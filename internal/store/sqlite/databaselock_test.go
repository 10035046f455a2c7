package sqlite

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// A process that has waited for a restore uses the new file, not the one that it waited for.
func TestMigrationAfterARestoreSeesTheNewFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "userapi.db")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	held, err := lockDatabase(t.Context(), path, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	began, migrated := make(chan struct{}), make(chan error, 1)
	go func() {
		file, err := lockDatabase(notifyWhenAsked{t.Context(), began}, path, slog.New(slog.DiscardHandler))
		if err == nil {
			_, err = file.WriteString("locked")
			err = errors.Join(err, file.Close())
		}
		migrated <- err
	}()
	<-began // the other one has the file open and waits
	require.NoError(t, os.WriteFile(path+".new", nil, 0o600))
	require.NoError(t, os.Rename(path+".new", path))
	require.NoError(t, held.Close())
	require.NoError(t, <-migrated)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "locked", string(content))
}

// notifyWhenAsked is a context that closes a channel when somebody waits for its end.
type notifyWhenAsked struct {
	context.Context
	asked chan struct{}
}

func (c notifyWhenAsked) Done() <-chan struct{} {
	select {
	case <-c.asked:
	default:
		close(c.asked)
	}
	return c.Context.Done()
}
