package worker_test

import (
	"bytes"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/lexicon"
	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
	"github.com/speechqa/speechqa/worker"
)

// otherRules are the built-in ones with one retired and one milder.
func otherRules(t *testing.T) *detectors.Engine {
	t.Helper()
	files, defaults := fstest.MapFS{}, lexicon.DefaultFiles()
	if err := fs.WalkDir(defaults, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(defaults, name)
		switch name {
		case "rules/insult.yaml":
			b = bytes.Replace(b, []byte("status: live"), []byte("status: retired"), 1)
		case "rules/threat.yaml":
			b = bytes.Replace(b, []byte("severity: critical"), []byte("severity: minor"), 1)
		}
		files[name] = &fstest.MapFile{Data: b}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	rs, err := lexicon.LoadFS(files)
	if err != nil {
		t.Fatal(err)
	}
	e, err := detectors.New(rs)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// outcome is everything that an inspection leaves, of every recording.
func (f *fleet) outcome() string {
	f.t.Helper()
	return strings.Join(storagetest.Query(f.t, f.Database, `SELECT jsonb_build_object('key', r.key, 'state', r.state, 'reason', r.reason, 'score', r.score,
			'fatal', r.fatal, 'slots', r.slots, 'ruleset', b.ruleset_hash, 'engine', b.engine_version, 'alive', r.alive_at, 'tries', r.tries,
			'list', ARRAY[r.to_judge::text, r.live::text] || r.marks,
			'findings', (SELECT jsonb_agg(to_jsonb(f) - 'recording' - 'judged_at' - 'judged_by' - 'key' || jsonb_build_object('finding', f.finding - 'key')
				ORDER BY f.rule, f.start, f.finding ->> 'quote') FROM findings f WHERE f.recording = r.id))::text
		FROM recordings r JOIN by_rules b ON b.recording = r.id ORDER BY r.key`), "\n")
}

// inspected is a fleet whose recordings are inspected by the built-in rules, and some of whose findings are judged.
func inspectedFleet(t *testing.T, n int) *fleet {
	t.Helper()
	f := newFleet(t)
	f.uploadMany(0, n)
	f.discover()
	w := f.start(&hearing{}, nil)
	f.waitInspected(n)
	w.stop()
	user, err := f.store.CreateUser(t.Context(), postgres.User{Name: "li", DisplayName: "li", PasswordHash: "x", Role: "clerk"})
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine()
	if err != nil {
		t.Fatal(err)
	}
	for i, of := range storagetest.Query(t, f.Database, `SELECT concat_ws(' ', r.id, (SELECT key FROM findings f WHERE f.recording = r.id ORDER BY f.rule DESC, f.start LIMIT 1))
			FROM recordings r WHERE EXISTS (SELECT FROM findings f WHERE f.recording = r.id) ORDER BY r.key`) {
		id, key, _ := strings.Cut(strings.Trim(of, `"`), " ")
		d := postgres.Decision{RecordingID: id, FindingKey: key, Verdict: postgres.VerdictConfirmed, UserID: user}
		switch i % 3 {
		case 0:
			continue
		case 1:
			d.Verdict, d.Reason = postgres.VerdictOverturned, "context"
		}
		if err := f.store.Decide(t.Context(), d, e.Rescore); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// Many recordings in one transaction end as they do one by one: findings, decisions, scores.
func TestInspectAgainIsInspect(t *testing.T) {
	t.Parallel()
	const n = 40
	rules := otherRules(t)
	rescan := func(f *fleet) pipeline.Deps {
		marked, err := f.store.Rescan(t.Context(), postgres.AuditEntry{Name: "test"}, rules.Ruleset().Hash)
		if err != nil || marked != n {
			t.Fatal(marked, err)
		}
		return pipeline.Deps{Store: f.store, Inspector: rules, Worker: "test"}
	}

	single := inspectedFleet(t, n)
	before := single.outcome()
	deps := rescan(single)
	storagetest.Exec(t, single.Database, `UPDATE recordings SET state = 'transcribed', priority = -1`, `DELETE FROM stale`) // as if given back
	for _, id := range storagetest.Query(t, single.Database, `SELECT id FROM recordings`) {
		if err := pipeline.Inspect(t.Context(), deps, id); err != nil {
			t.Fatal(err)
		}
	}
	want := single.outcome()
	if want == before {
		t.Fatal("the other rules find the same")
	}

	many := inspectedFleet(t, n)
	if diff := cmp.Diff(before, many.outcome()); diff != "" {
		t.Fatalf("two fleets differ from the start: %s", diff)
	}
	deps = rescan(many)
	for left := n; left > 0; {
		got, err := pipeline.InspectAgain(t.Context(), deps, 7)
		if err != nil || got != min(7, left) {
			t.Fatalf("%d of %d begun: %v", got, left, err)
		}
		left -= got
	}
	if diff := cmp.Diff(want, many.outcome()); diff != "" {
		t.Errorf("one by one (-) and many at once (+) differ: %s", diff)
	}
	if n, err := pipeline.InspectAgain(t.Context(), deps, 7); n != 0 || err != nil {
		t.Errorf("nothing is left: %d, %v", n, err)
	}

	// And back, by a worker at work, throttled.
	e, err := engine()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := many.store.Rescan(t.Context(), postgres.AuditEntry{Name: "test"}, e.Ruleset().Hash); err != nil {
		t.Fatal(err)
	}
	many.start(&hearing{}, func(c *worker.Config) { c.RescanRate = 20 })
	many.wait("all by the built-in rules", func() bool {
		return many.one(`SELECT count(*) FROM by_rules WHERE ruleset_hash <> $1 OR inspections <> 3`, e.Ruleset().Hash) == "0"
	})
	if diff := cmp.Diff(before, many.outcome()); diff != "" {
		t.Errorf("there (-) and back (+): %s", diff)
	}
	p, err := many.store.RescanProgress(t.Context())
	if err != nil || p.Marked != n || p.Left != 0 || p.Done() != 1 {
		t.Errorf("progress: %+v, %v", p, err)
	}
}
