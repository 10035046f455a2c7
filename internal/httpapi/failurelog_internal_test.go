package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"userapi/internal/contract"
	"userapi/internal/directory"
)

// Each cause of 503 is logged once a minute, with the number of lines that were left out, however
// many requests fail with it. Each request keeps its own line.
func TestCausesOf503AreLoggedOnceAMinute(t *testing.T) {
	described, err := contract.Load()
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var cause error
		handler, err := (&Server{
			Contract: described, Directory: &directory.Service{}, Ready: func(context.Context) error { return cause },
			Logger: slog.New(slog.NewJSONHandler(&log, nil)), Metrics: prometheus.NewRegistry(), RequestTimeout: time.Minute,
		}).Handler()
		require.NoError(t, err)
		type line struct {
			Level, Msg, Error string
			LeftOut           int `json:"left_out"`
		}
		// lines sends requests that fail, and returns the lines of level ERROR.
		lines := func(requests int, text string) (found []line) {
			log.Reset()
			cause = errors.New(text)
			for range requests {
				answer := httptest.NewRecorder()
				handler.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
				require.Equal(t, 503, answer.Code)
			}
			require.Equal(t, requests, strings.Count(log.String(), `"msg":"request"`), "each request must have its line")
			for text := range strings.Lines(log.String()) {
				var l line
				require.NoError(t, json.Unmarshal([]byte(text), &l))
				if l.Level == "ERROR" {
					found = append(found, l)
				}
			}
			return found
		}
		require.Equal(t, []line{{"ERROR", "request failed", "disk full", 0}}, lines(100, "disk full"))
		time.Sleep(59 * time.Second)
		require.Empty(t, lines(10, "disk full"))
		require.Equal(t, []line{{"ERROR", "request failed", "queue full", 0}}, lines(1, "queue full"), "it is another cause")
		time.Sleep(time.Second)
		require.Equal(t, []line{{"ERROR", "request failed", "disk full", 109}}, lines(5, "disk full"))
		time.Sleep(time.Minute)
		require.Equal(t, []line{{"ERROR", "request failed", "disk full", 4}}, lines(1, "disk full"))
	})
}

// Requests that are refused because too many wait share a WARN line each second, with their number.
// Each answer is 503 with Retry-After, and each request keeps its own line.
func TestRefusalsShareALine(t *testing.T) {
	described, err := contract.Load()
	require.NoError(t, err)
	full := directory.NewQueueFullError(directory.RefusalWriterQueue, "64 requests wait")
	for name, test := range map[string]struct {
		ready func(context.Context) error
		cause string
	}{
		"a full queue":            {func(context.Context) error { return full }, "unavailable: the queue is full: 64 requests wait"},
		"a wait that is too long": {func(ctx context.Context) error { <-ctx.Done(); return fmt.Errorf("wait to write: %w", ctx.Err()) }, "wait to write: context deadline exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log lockedBuffer
				handler, err := (&Server{
					Contract: described, Directory: &directory.Service{}, Ready: test.ready,
					Logger: slog.New(slog.NewJSONHandler(&log, nil)), Metrics: prometheus.NewRegistry(), RequestTimeout: time.Minute,
				}).Handler()
				require.NoError(t, err)
				refuse := func(requests int) {
					var group sync.WaitGroup
					for range requests {
						group.Go(func() {
							answer := httptest.NewRecorder()
							handler.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
							assert.Equal(t, 503, answer.Code)
							assert.Equal(t, "1", answer.Header().Get("Retry-After"))
						})
					}
					group.Wait()
				}
				// counts returns the counts of the lines since its last call.
				counts := func() (found []int) {
					for text := range strings.Lines(log.take()) {
						var line struct {
							Level, Msg, Error string
							Count             int
						}
						require.NoError(t, json.Unmarshal([]byte(text), &line))
						if line.Msg == "request" {
							continue
						}
						require.Equal(t, "WARN", line.Level, text)
						require.Equal(t, test.cause, line.Error)
						found = append(found, line.Count)
					}
					return found
				}
				refuse(100)
				require.Equal(t, []int{1}, counts(), "the first refusal is logged at once")
				time.Sleep(time.Second)
				synctest.Wait()
				require.Equal(t, []int{99}, counts())
				time.Sleep(10 * time.Second)
				require.Empty(t, counts())
				refuse(3)
				time.Sleep(time.Second)
				synctest.Wait()
				require.Equal(t, []int{1, 2}, counts())
				time.Sleep(2 * time.Second)
			})
		})
	}
}

// lockedBuffer is a buffer that any goroutine may write to.
type lockedBuffer struct {
	mutex  sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.Write(p)
}

// take returns what was written since the last call.
func (b *lockedBuffer) take() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	defer b.buffer.Reset()
	return b.buffer.String()
}
