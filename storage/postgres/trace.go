package postgres

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Observer is told of every statement: its first word in small letters, or "batch", how long it took until the last row
// was read, and how it ended.
type Observer func(what string, took time.Duration, err error)

// tracer hands pgx's events to an Observer.
type tracer struct{ observe Observer }

type began struct {
	at   time.Time
	what string
}

type beganKey struct{}

// TraceQueryStart is part of pgx.QueryTracer.
func (tracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	return context.WithValue(ctx, beganKey{}, began{time.Now(), firstWord(d.SQL)})
}

// TraceQueryEnd is part of pgx.QueryTracer.
func (t tracer) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryEndData) {
	t.end(ctx, d.Err)
}

// TraceBatchStart is part of pgx.BatchTracer.
func (tracer) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return context.WithValue(ctx, beganKey{}, began{time.Now(), "batch"})
}

// TraceBatchQuery is part of pgx.BatchTracer.
func (tracer) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd is part of pgx.BatchTracer.
func (t tracer) TraceBatchEnd(ctx context.Context, _ *pgx.Conn, d pgx.TraceBatchEndData) {
	t.end(ctx, d.Err)
}

func (t tracer) end(ctx context.Context, err error) {
	if b, ok := ctx.Value(beganKey{}).(began); ok {
		t.observe(b.what, time.Since(b.at), err)
	}
}

// words are what statements begin with; there are few, so that they can be labels.
var words = map[string]bool{"select": true, "insert": true, "update": true, "delete": true, "with": true, "begin": true, "commit": true, "rollback": true, "copy": true}

func firstWord(sql string) string {
	sql = strings.TrimSpace(sql)
	if i := strings.IndexAny(sql, " \n\t"); i > 0 {
		sql = sql[:i]
	}
	if sql = strings.ToLower(sql); words[sql] {
		return sql
	}
	return "other"
}
