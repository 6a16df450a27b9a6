package office

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Load fills an empty, migrated database with the office's recordings by COPY, without triggers and indexes, and
// counts the figures afterwards. say hears of its steps. The connection's user must be a superuser.
func (o Office) Load(ctx context.Context, url string, say func(string)) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("load the office: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	l := loader{Office: o, Conn: conn, say: say}
	for _, step := range []func(context.Context) error{l.dropIndexes, l.users, l.recordings, l.transcripts, l.findings, l.events, l.finish} {
		if err := step(ctx); err != nil {
			return fmt.Errorf("load the office: %w", err)
		}
	}
	return nil
}

type loader struct {
	Office
	*pgx.Conn
	say     func(string)
	indexes []string
	people  []string
}

// dropIndexes takes away what no constraint needs; finish makes it again.
func (l *loader) dropIndexes(ctx context.Context) error {
	rows, err := l.Query(ctx, `SELECT indexdef, indexname FROM pg_indexes WHERE schemaname = 'public' AND tablename IN ('recordings', 'transcripts', 'findings', 'review_events')
		AND indexname NOT IN (SELECT conname FROM pg_constraint)`)
	if err != nil {
		return err
	}
	var drop []string
	var def, name string
	if _, err := pgx.ForEachRow(rows, []any{&def, &name}, func() error {
		l.indexes, drop = append(l.indexes, def), append(drop, `DROP INDEX `+pgx.Identifier{name}.Sanitize())
		return nil
	}); err != nil {
		return err
	}
	_, err = l.Exec(ctx, strings.Join(append(drop, `SET session_replication_role = replica`, `SET maintenance_work_mem = '512MB'`, `SET work_mem = '256MB'`), ";"))
	return err
}

func (l *loader) users(ctx context.Context) error {
	rows, err := l.Query(ctx, `INSERT INTO users (name, display_name, password_hash, role)
		SELECT 'reviewer' || n, '质检员' || n, '', 'clerk' FROM generate_series(1, $1) n RETURNING id::text`, Reviewers)
	if err != nil {
		return err
	}
	l.people, err = pgx.CollectRows(rows, pgx.RowTo[string])
	return err
}

// each copies what rows gives of every recording into a table.
func (l *loader) each(ctx context.Context, table string, columns []string, rows func(*Recording) [][]any) error {
	var waiting [][]any
	n := 0
	count, err := l.CopyFrom(ctx, pgx.Identifier{table}, columns, pgx.CopyFromFunc(func() ([]any, error) {
		for len(waiting) == 0 {
			if n == l.Recordings {
				return nil, nil
			}
			rec := l.Recording(n)
			waiting = rows(&rec)
			if n++; n%1_000_000 == 0 {
				l.say(fmt.Sprintf("%s: %d recordings", table, n))
			}
		}
		row := waiting[0]
		waiting = waiting[1:]
		return row, nil
	}))
	l.say(fmt.Sprintf("%s: %d rows", table, count))
	return err
}

func (l *loader) recordings(ctx context.Context) error {
	columns := []string{"id", "bucket", "key", "version", "etag", "size", "kind", "metadata", "agent_id", "team", "principal", "case_id", "started_at", "state",
		"reason", "sha256", "duration", "transcript_hash", "score", "fatal", "slots", "ruleset_hash", "engine_version", "inspected_at", "inspections", "reviews", "created_at"}
	return l.each(ctx, "recordings", columns, func(r *Recording) [][]any {
		m := r.Metadata
		inspected := r.State == "inspected"
		judged := 0
		for _, f := range r.Findings {
			if f.Verdict != "open" {
				judged++
			}
		}
		row := []any{r.ID, "recordings", r.Key, "1", "e", int64(m.Duration * 16000), string(r.Kind), asJSON(m), m.AgentID, m.Team, m.Principal, m.CaseID, m.StartedAt, r.State,
			r.Reason, fmt.Sprintf("%064x", r.N), m.Duration, "", nil, r.Fatal, "{}", "", "", nil, 0, judged, r.CreatedAt}
		if inspected {
			row[17], row[18], row[21], row[22], row[23], row[24] = "t", r.Score, "rules", "1", r.CreatedAt, 1
		}
		return [][]any{row}
	})
}

func (l *loader) transcripts(ctx context.Context) error {
	return l.each(ctx, "transcripts", []string{"recording", "sha256", "audio", "peaks", "transcript", "hash", "said", "contact_day"}, func(r *Recording) [][]any {
		if r.State != "inspected" {
			return nil
		}
		t, said := r.Transcript()
		return [][]any{{r.ID, fmt.Sprintf("%064x", r.N), `{"codec": "pcm_alaw", "channels": 2}`, `[]`, asJSON(t), "t", said, r.Metadata.StartedAt}}
	})
}

func (l *loader) findings(ctx context.Context) error {
	columns := []string{"recording", "key", "rule", "severity", "doubtful", "shadow", "start", "finding", "verdict", "judged_by", "judged_at"}
	return l.each(ctx, "findings", columns, func(r *Recording) (rows [][]any) {
		for _, f := range r.Findings {
			row := []any{r.ID, f.Key, f.Rule, string(f.Severity), f.Doubtful, false, f.Start, asJSON(f.Finding), f.Verdict, nil, nil}
			if f.Verdict != "open" {
				row[9], row[10] = l.people[f.Reviewer], f.JudgedAt
			}
			rows = append(rows, row)
		}
		return rows
	})
}

func (l *loader) events(ctx context.Context) error {
	return l.each(ctx, "review_events", []string{"recording", "at", "by", "action", "finding", "rule", "score"}, func(r *Recording) (rows [][]any) {
		for _, f := range r.Findings {
			if f.Verdict != "open" {
				rows = append(rows, []any{r.ID, f.JudgedAt, l.people[f.Reviewer], f.Verdict, f.Key, f.Rule, r.Score})
			}
		}
		return rows
	})
}

func (l *loader) finish(ctx context.Context) error {
	// The triggers that follow findings were away; what they keep is counted now.
	last := []string{`SET session_replication_role = origin`, `SELECT list_rebuild()`, `SELECT figures_rebuild(zone) FROM figure_zone`, `VACUUM ANALYZE`}
	for _, sql := range append(l.indexes, last...) {
		l.say(sql)
		if _, err := l.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}
