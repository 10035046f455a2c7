package directory_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/internal/directory"
)

// tokenStore is a store that accepts every change.
type tokenStore struct{ directory.Store }

func (tokenStore) Change(context.Context, directory.Principal, directory.UserID, directory.Decide) (directory.User, error) {
	return directory.User{}, nil
}

// A token has all 256 bits that were read from Random. If Random fails, there is no token.
func TestTokenHas256RandomBits(t *testing.T) {
	drawn := []byte("0123456789abcdefghijklmnopqrstuv")
	service := &directory.Service{Store: tokenStore{}, Now: time.Now, Random: iotest.OneByteReader(bytes.NewReader(drawn))}
	secret, _, err := service.CreateToken(t.Context(), 1, "x", 0)
	require.NoError(t, err)
	bits, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(secret, "ua_"))
	require.NoError(t, err)
	require.Equal(t, drawn, bits)

	service.Random = iotest.ErrReader(errors.New("no entropy"))
	_, _, err = service.CreateToken(t.Context(), 1, "x", 0)
	require.ErrorContains(t, err, "no entropy")
}
