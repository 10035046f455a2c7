package sqlite

import (
	"errors"
	"os"
	"testing"

	"github.com/mattn/go-sqlite3"
	"github.com/stretchr/testify/require"

	"userapi/internal/directory"
	"userapi/internal/store/storetest"
)

// The metrics say how many units wait, how long they have waited, how many a batch has, and how long its commit took.
func TestWriterIsMeasured(t *testing.T) {
	s := openStore(t)
	read := func() map[string]float64 { return storetest.Gather(t, s.Metrics()) }
	before := read()
	require.Zero(t, before["userapi_writer_queue_length"])
	release := holdWriter(s)
	var answers []<-chan error
	for range 5 {
		answers = append(answers, enqueue(t.Context(), s, insertsEvent("a")))
	}
	require.EqualValues(t, 5, read()["userapi_writer_queue_length"])
	release()
	for _, answer := range answers {
		require.NoError(t, <-answer)
	}
	after := read()
	rise := func(name string) float64 { return after[name] - before[name] }
	require.Zero(t, after["userapi_writer_queue_length"])
	require.EqualValues(t, 5, rise("userapi_writer_wait_seconds_count"))
	require.Positive(t, rise("userapi_writer_wait_seconds_sum"))
	require.EqualValues(t, 5, rise("userapi_writer_batch_size_sum"))
	require.EqualValues(t, 1, rise("userapi_writer_batch_size_count"))
	require.Positive(t, rise("userapi_writer_commit_seconds_count"))
	require.Positive(t, rise("userapi_writer_commit_seconds_sum"))
}

// The metrics say how often the cache knew a token.
func TestCacheIsMeasured(t *testing.T) {
	s := openStore(t)
	hash := directory.TokenHash{1}
	insertHolder(t, s, "ada", hash)
	s.cache.Purge()
	for range 4 {
		_, err := s.Principal(t.Context(), hash)
		require.NoError(t, err)
	}
	_, err := s.Principal(t.Context(), directory.TokenHash{2})
	require.Error(t, err)
	found := storetest.Gather(t, s.Metrics())
	require.EqualValues(t, 5, found[`userapi_token_lookups_total{cache="hit"}`]+found[`userapi_token_lookups_total{cache="miss"}`])
	require.GreaterOrEqual(t, found[`userapi_token_lookups_total{cache="miss"}`], 2.0, "the first one, and the one that is not there")
}

// The metrics have the sizes of the file and of its log, and how many users and tokens there are.
func TestContentsAreMeasured(t *testing.T) {
	s := openStore(t)
	for i, name := range []string{"ada", "bob", "eve"} {
		insertHolder(t, s, name, directory.TokenHash{byte(i)})
	}
	execSQL(t, s, `DELETE FROM tokens WHERE id = 1`)
	found := storetest.Gather(t, s.Metrics())
	require.EqualValues(t, 3, found["userapi_users"])
	require.EqualValues(t, 2, found["userapi_tokens"])
	require.EqualValues(t, 1, found["userapi_database_ready"])
	for file, path := range map[string]string{"main": s.writer.files.path, "wal": s.writer.files.path + "-wal"} {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.EqualValues(t, info.Size(), found[`userapi_database_bytes{file="`+file+`"}`])
	}
}

// A disk that refuses checkpoints and writes is seen in the metrics.
func TestFailuresOfTheDiskAreMeasured(t *testing.T) {
	s := openStore(t)
	s.writer.status.checkpointEnded(errors.New("a fault"))
	s.writer.status.writeFailed(sqlite3.Error{Code: sqlite3.ErrFull})
	found := storetest.Gather(t, s.Metrics())
	require.EqualValues(t, 1, found["userapi_checkpoint_failures_total"])
	require.EqualValues(t, 1, found["userapi_write_failures_total"])
	require.Zero(t, found["userapi_database_ready"])
}
