package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// TableSum is what a table holds: how many rows, and a sum over all of them that does not depend on their order.
type TableSum struct {
	Table string `json:"table"`
	Rows  int64  `json:"rows"`
	Sum   string `json:"sum"`
}

// Snapshot sums up every table at one moment and calls f while that moment can be dumped by its name.
func Snapshot(ctx context.Context, url string, f func(name string, tables []TableSum) error) error {
	return summing(ctx, url, func(tx pgx.Tx, tables []TableSum) error {
		var name string
		if err := tx.QueryRow(ctx, `SELECT pg_export_snapshot()`).Scan(&name); err != nil {
			return fmt.Errorf("name the moment: %w", err)
		}
		return f(name, tables)
	})
}

// Sums sums up every table of a database.
func Sums(ctx context.Context, url string) (out []TableSum, err error) {
	err = summing(ctx, url, func(_ pgx.Tx, tables []TableSum) error { out = tables; return nil })
	return out, err
}

func summing(ctx context.Context, url string, f func(pgx.Tx, []TableSum) error) error {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return fmt.Errorf("address of the database: %w", err)
	}
	for name, value := range map[string]string{ // so that a row's text is the same in every session
		"timezone": "UTC", "datestyle": "ISO, YMD", "intervalstyle": "postgres", "extra_float_digits": "1", "bytea_output": "hex",
	} {
		cfg.RuntimeParams[name] = value
	}
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return fmt.Errorf("the database does not answer; check SPEECHQA_DATABASE_URL and that PostgreSQL runs: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence = 'p' AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema' ORDER BY 1`)
		if err != nil {
			return fmt.Errorf("list the tables: %w", err)
		}
		names, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return fmt.Errorf("list the tables: %w", err)
		}
		var out []TableSum
		for _, name := range names {
			s := TableSum{Table: name}
			err := tx.QueryRow(ctx, `SELECT count(*), coalesce(sum(('x' || substr(md5(t::text), 1, 15))::bit(60)::bigint), 0)::text FROM `+name+` t`).Scan(&s.Rows, &s.Sum)
			if err != nil {
				return fmt.Errorf("sum up %s: %w", name, err)
			}
			out = append(out, s)
		}
		return f(tx, out)
	})
}
