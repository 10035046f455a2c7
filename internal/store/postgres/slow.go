package postgres

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"userapi/internal/telemetry"
)

// slowStatement is how long a statement may take before the log has it.
const slowStatement = 500 * time.Millisecond

// slowLog logs slow statements without their values, each once a minute.
type slowLog struct {
	logger     *slog.Logger
	statements telemetry.CauseLog
}

var (
	_ pgx.QueryTracer = (*slowLog)(nil)
	_ pgx.BatchTracer = (*slowLog)(nil)
)

type slowKey struct{}

// traced is a statement or a batch that runs.
type traced struct {
	begun time.Time
	sql   string
}

func (l *slowLog) start(ctx context.Context, sql string) context.Context {
	return context.WithValue(ctx, slowKey{}, &traced{time.Now(), sql})
}

// end logs the statement if it was slow. The statement of a batch that comes next begins now.
func (l *slowLog) end(ctx context.Context, sql string, err error) {
	t, ok := ctx.Value(slowKey{}).(*traced)
	if !ok {
		return
	}
	took := time.Since(t.begun)
	t.begun = time.Now()
	if took < slowStatement {
		return
	}
	if sql == "" {
		sql = t.sql
	}
	leftOut, admitted := l.statements.Admit(sql, time.Now())
	if !admitted {
		return
	}
	l.logger.LogAttrs(ctx, slog.LevelWarn, "a statement was slow", slog.String("sql", strings.Join(strings.Fields(sql), " ")),
		slog.Int64("duration_ms", took.Milliseconds()), slog.Bool("failed", err != nil), slog.Int("left_out", leftOut))
}

// TraceQueryStart implements [pgx.QueryTracer].
func (l *slowLog) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	return l.start(ctx, data.SQL)
}

// TraceQueryEnd implements [pgx.QueryTracer].
func (l *slowLog) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryEndData) {
	l.end(ctx, "", data.Err)
}

// TraceBatchStart implements [pgx.BatchTracer].
func (l *slowLog) TraceBatchStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	return l.start(ctx, "a batch that ends with "+data.Batch.QueuedQueries[len(data.Batch.QueuedQueries)-1].SQL)
}

// TraceBatchQuery implements [pgx.BatchTracer].
func (l *slowLog) TraceBatchQuery(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchQueryData) {
	l.end(ctx, data.SQL, data.Err)
}

// TraceBatchEnd implements [pgx.BatchTracer]. It has the time of a statement that did not end.
func (l *slowLog) TraceBatchEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchEndData) {
	l.end(ctx, "", data.Err)
}
