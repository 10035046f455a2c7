package directory_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/internal/directory"
)

// startStore records the starts. It always answers that the directory was empty.
type startStore struct {
	directory.Store
	starts *[]directory.Start
}

func (s startStore) Start(_ context.Context, start directory.Start) (directory.Started, error) {
	*s.starts = append(*s.starts, start)
	return directory.Started{First: true}, nil
}

// The new token is saved before a unit stores it, and once: a unit may run twice.
func TestFirstTokenIsSavedBeforeItIsStored(t *testing.T) {
	var starts []directory.Start
	service := &directory.Service{Store: startStore{starts: &starts}, Now: time.Now, Random: strings.NewReader(strings.Repeat("x", 64))}
	var saved []string
	started, err := service.Start(t.Context(), "", func(secret string) error {
		for _, start := range starts {
			require.Nil(t, start.Made, "a token is stored and not yet saved")
		}
		saved = append(saved, secret)
		return nil
	})
	require.NoError(t, err)
	require.True(t, started.First)
	require.Len(t, saved, 1)
	require.NotNil(t, starts[len(starts)-1].Made)

	starts = nil
	failure := errors.New("the disk is full")
	_, err = service.Start(t.Context(), "", func(string) error { return failure })
	require.ErrorIs(t, err, failure)
	for _, start := range starts {
		require.Nil(t, start.Made, "a token is stored that nobody has")
	}
}

func TestOperatorsTokenIsNotSaved(t *testing.T) {
	var starts []directory.Start
	service := &directory.Service{Store: startStore{starts: &starts}, Now: time.Now}
	_, err := service.Start(t.Context(), strings.Repeat("operator", 4), nil)
	require.NoError(t, err)
	require.Len(t, starts, 1)
	require.NotNil(t, starts[0].Operator)
	require.Nil(t, starts[0].Made)
}
