package postgres

import (
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
)

// Whatever ends a session, the transaction may succeed in another one, unless COMMIT was sent.
func TestClassifyEndOfSession(t *testing.T) {
	const idleInTransaction, idleSession = "25P03", "57P05"
	for _, code := range []string{idleInTransaction, idleSession, adminShutdown} {
		err := &pgconn.PgError{SeverityUnlocalized: "FATAL", Code: code}
		require.Equal(t, again, classify(err, false), code)
		require.Equal(t, unknown, classify(err, true), code)
	}
	require.Equal(t, undone, classify(&pgconn.PgError{SeverityUnlocalized: "ERROR", Code: diskFull}, true))
}
