package httpapi_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
)

// heldHasher lets a test do something while a request hashes its password.
type heldHasher struct {
	waiting   chan struct{} // receives when a request has come to hash
	release   chan struct{} // closed to let all go on
	abandoned chan struct{} // receives when a request that waits has ended
}

func newHeldHasher() heldHasher {
	return heldHasher{waiting: make(chan struct{}, 8), release: make(chan struct{}), abandoned: make(chan struct{}, 8)}
}

// wait returns when a request has come to hash.
func (h heldHasher) wait(t *testing.T) {
	t.Helper()
	select {
	case <-h.waiting:
	case <-time.After(time.Minute):
		close(h.release)
		require.Fail(t, "no request came to hash")
	}
}

// hold returns when the test lets the request go on.
func (h heldHasher) hold(ctx context.Context) {
	h.waiting <- struct{}{}
	select {
	case <-h.release:
	case <-ctx.Done():
		h.abandoned <- struct{}{}
		<-h.release
	}
}

// Hash implements directory.Hasher.
func (h heldHasher) Hash(ctx context.Context, password string) (string, error) {
	h.hold(ctx)
	return apitest.CheapGate().Hash(ctx, password)
}

// Verify implements directory.Hasher.
func (h heldHasher) Verify(ctx context.Context, password, hash string) (bool, error) {
	h.hold(ctx)
	return apitest.CheapGate().Verify(ctx, password, hash)
}

// insertUser makes user 2, ada, without the server: where hashing is held or fails.
// The state is written as SQL.
func insertUser(t *testing.T, db *apitest.Conn, isActive string) {
	t.Helper()
	apitest.Exec(t, db, `INSERT INTO users (version, nick_name, nick_name_folded, enterprise_id, role, phone, is_active, create_time)
		VALUES (1, 'ada', 'ada', 'default', 'user', '1', `+isActive+`, 0)`)
}

func requireFileLacks(t *testing.T, path string, secrets ...string) {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NotEmpty(t, content)
	for _, secret := range secrets {
		require.NotContains(t, string(content), secret)
	}
}
