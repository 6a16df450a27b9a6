package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// What the program may do with a table. The tables belong to another role, the owner, which only `speechqa migrate` uses;
// the application's role cannot change or remove history, nor take away the triggers that guard the rest.
const (
	rightsRead    = "SELECT"
	rightsAppend  = "SELECT, INSERT"                           // history: rows are only ever added
	rightsKeep    = "SELECT, INSERT, UPDATE"                   // rows stay; what of them may change, triggers say
	rightsTake    = "SELECT, INSERT, DELETE"                   // rows that are used up
	rightsWork    = "SELECT, INSERT, UPDATE, DELETE"           // working copies, and what can be made again
	rightsRebuild = "SELECT, INSERT, UPDATE, DELETE, TRUNCATE" // counted anew by figures_rebuild
)

// rights are the application's, by table. A table that is not here can be read and added to; TestEveryTableHasItsRights
// wants each new one named. What has to delete under a condition, such as a disposal, is a function of the owner's
// (SECURITY DEFINER with a search_path of its own) that checks the condition, and no right to delete.
var rights = map[string]string{
	"schema_version": rightsRead,

	"audit_log": rightsAppend, "audit_head": "SELECT, UPDATE",

	"recordings": rightsKeep, "transcripts": rightsKeep, "transcript_versions": rightsAppend,
	"findings": rightsWork, // those nobody has judged give way to another inspection's: findings_replaced
	"listings": rightsKeep, "opinions": rightsKeep, "opinion_cursor": rightsKeep, "rescans": rightsWork,
	"stale": rightsWork, "rescan_batches": rightsKeep, "judged_same": rightsWork, "contact_rules": rightsKeep,
	"contacts": rightsWork, "contacts_due": rightsTake,

	"review_events": rightsAppend, "dispositions": rightsAppend, "disposition_follow_ups": rightsKeep, "speaker_corrections": rightsAppend, "coaching": rightsAppend,
	"appeals": rightsKeep,
	"samples": rightsKeep, "sample_strata": rightsAppend, "sample_items": rightsAppend, "sample_seats": rightsKeep,

	"custody": rightsKeep, "custody_buckets": rightsKeep, "retention_terms": rightsKeep, "legal_holds": rightsKeep, "verify_runs": rightsKeep,
	"copies": rightsKeep, "copy_store": rightsKeep, "disposals": rightsKeep, "disposal_items": rightsKeep, "tombstones": rightsKeep, "restorations": rightsKeep,

	"users": rightsKeep, "user_changes": rightsKeep, "logins": rightsKeep, "tokens": rightsKeep,
	"sessions": rightsWork, "login_attempts": rightsWork, "recovery_codes": rightsTake, "password_history": rightsTake,
	"notices_seen": rightsKeep, "assignment_notices": rightsAppend, "saved_filters": rightsWork,

	"ruleset_blobs": rightsAppend, "ruleset_versions": rightsKeep, "ruleset_drafts": rightsWork, "rule_proposals": rightsKeep,
	"backtests": rightsKeep, "shadow_runs": rightsAppend, "shadow_findings": rightsTake,

	"clips": rightsWork, "playlists": rightsWork, "playlist_clips": rightsWork,
	"hooks": rightsKeep, "hook_deliveries": rightsKeep,

	"figure_zone": rightsKeep, "figure_levels": rightsRead, "figure_parts": rightsRebuild, "figure_deltas": rightsRebuild,
	"figure_sums": rightsRebuild, "figure_people": rightsRebuild,
}

// appRights are the application's rights on a table.
func appRights(table string) string {
	if r, ok := rights[table]; ok {
		return r
	}
	return rightsAppend
}

// grantees are the roles named, and those found by what only the application's may do: add to the audit log without
// owning it.
const grantees = `SELECT a.grantee::regrole::text FROM pg_class c, aclexplode(c.relacl) a
	WHERE c.oid = 'audit_log'::regclass AND a.privilege_type = 'INSERT' AND a.grantee NOT IN (0, c.relowner)
	UNION SELECT quote_ident(x) FROM unnest($1::text[]) x`

// grant gives the application's roles exactly their rights: those named, and those that had them before. Partitions are
// reached through their table, and may be read by themselves, as pg_dump does.
func grant(ctx context.Context, conn *pgx.Conn, roles []string) error {
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('speechqa.grants', 0))`); err != nil {
			return err
		}
		all, err := collect[string](ctx, tx, grantees, roles)
		if err != nil || len(all) == 0 {
			return err
		}
		schema, err := collect[string](ctx, tx, `SELECT quote_ident(current_schema())`)
		if err != nil {
			return err
		}
		tables, err := collect[string](ctx, tx, `SELECT relname::text FROM pg_class
			WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY 1`)
		if err != nil {
			return err
		}
		parts, err := collect[string](ctx, tx, `SELECT relname::text FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND relispartition ORDER BY 1`)
		if err != nil {
			return err
		}
		views, err := collect[string](ctx, tx, `SELECT relname::text FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('v', 'm') ORDER BY 1`)
		if err != nil {
			return err
		}
		to := strings.Join(all, ", ")
		database, err := collect[string](ctx, tx, `SELECT quote_ident(current_database())`)
		if err != nil {
			return err
		}
		var sql strings.Builder
		fmt.Fprintf(&sql, "REVOKE TEMPORARY ON DATABASE %s FROM PUBLIC, %s;\n", database[0], to) // a temporary table could pass for another in a trigger
		fmt.Fprintf(&sql, "REVOKE ALL ON ALL TABLES IN SCHEMA %s FROM PUBLIC, %s;\n", schema[0], to)
		fmt.Fprintf(&sql, "REVOKE ALL ON ALL SEQUENCES IN SCHEMA %s FROM PUBLIC, %s;\n", schema[0], to)
		fmt.Fprintf(&sql, "REVOKE ALL ON ALL ROUTINES IN SCHEMA %s FROM PUBLIC, %s;\n", schema[0], to)
		fmt.Fprintf(&sql, "REVOKE CREATE ON SCHEMA %s FROM PUBLIC, %s;\n", schema[0], to)
		for _, t := range tables {
			fmt.Fprintf(&sql, "GRANT %s ON %s TO %s;\n", appRights(t), pgx.Identifier{t}.Sanitize(), to)
		}
		for _, p := range parts {
			fmt.Fprintf(&sql, "GRANT SELECT ON %s TO %s;\n", pgx.Identifier{p}.Sanitize(), to)
		}
		for _, v := range views {
			fmt.Fprintf(&sql, "GRANT SELECT ON %s TO %s;\n", pgx.Identifier{v}.Sanitize(), to)
		}
		fmt.Fprintf(&sql, "GRANT SELECT ON ALL SEQUENCES IN SCHEMA %s TO %s;\n", schema[0], to) // for pg_dump
		fmt.Fprintf(&sql, "GRANT EXECUTE ON ALL ROUTINES IN SCHEMA %s TO %s;\n", schema[0], to)
		fmt.Fprintf(&sql, "GRANT USAGE ON SCHEMA %s TO %s;\n", schema[0], to)
		_, err = tx.Exec(ctx, sql.String())
		return err
	})
	if err != nil {
		return fmt.Errorf("give the application its rights: %w", err)
	}
	return nil
}

// Excess says in a sentence each what the role that the program works with could do to history, and should not: nothing
// for an application's role as `speechqa migrate` makes it, a good deal for the tables' owner.
func (s *Store) Excess(ctx context.Context) ([]string, error) {
	var role string
	var super, owner, creates, temporary bool
	err := s.pool.QueryRow(ctx, `SELECT current_user, r.rolsuper OR r.rolcreaterole, pg_has_role(c.relowner, 'MEMBER'), has_schema_privilege(c.relnamespace, 'CREATE'),
			has_database_privilege(current_database(), 'TEMPORARY')
		FROM pg_class c, pg_roles r WHERE c.oid = 'audit_log'::regclass AND r.rolname = current_user`).Scan(&role, &super, &owner, &creates, &temporary)
	if err != nil {
		return nil, fmt.Errorf("look at the rights in the database: %w", err)
	}
	var out []string
	say := func(is bool, what string) {
		if is {
			out = append(out, "the role "+role+" "+what)
		}
	}
	say(super, "rules over roles: it is a superuser, or can become one's equal")
	say(owner, "owns the tables, or is a member of who does: it could switch off what guards them")
	say(creates, "can make tables and functions: as a superuser, REVOKE CREATE ON SCHEMA public FROM PUBLIC")
	if super || owner {
		return out, nil
	}
	say(temporary, "can make temporary tables, which could pass for others: as the database's owner, REVOKE TEMPORARY ON DATABASE … FROM PUBLIC")
	rows, err := s.pool.Query(ctx, `SELECT c.relname::text, string_agg(p, ', ' ORDER BY p) FROM pg_class c,
			unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) p
		WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND has_table_privilege(c.oid, p) GROUP BY 1 ORDER BY 1`)
	if err != nil {
		return nil, fmt.Errorf("look at the rights in the database: %w", err)
	}
	var table, has string
	_, err = pgx.ForEachRow(rows, []any{&table, &has}, func() error {
		for right := range strings.SplitSeq(has, ", ") {
			say(!slices.Contains(strings.Split(appRights(table), ", "), right), "may "+right+" "+table+": run `speechqa migrate`")
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look at the rights in the database: %w", err)
	}
	return out, nil
}

func collect[T any](ctx context.Context, tx pgx.Tx, sql string, args ...any) ([]T, error) {
	rows, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[T])
}
