package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/speechqa/speechqa/storage/postgres"
)

// said makes an inspected recording of a contact, by one agent, with these utterances.
func (b *bed) said(key, agent string, at time.Time, said ...string) string {
	b.t.Helper()
	f := found(key)
	f.Metadata.AgentID, f.Metadata.StartedAt = agent, at
	id := b.transcribed(f, said...)
	b.inspectedBy(id, "rules-1", 100)
	return id
}

var searchDay = time.Date(2026, 3, 31, 9, 0, 0, 0, time.UTC)

// Words of any length are found within an utterance; what is special to SQL, patterns and arrays is text like any other.
func TestSearchWords(t *testing.T) {
	b := newBed(t)
	b.said("a.wav", "a1", searchDay, "我们私下处理这笔欠款", "您明天还钱")
	b.said("b.wav", "a1", searchDay, "处理好了再说", "我私下问过")
	b.said("c.wav", "a1", searchDay, `100%_ok 'quoted' "twice" \back {a,b} day9587`, "结束")
	for query, want := range map[string][]string{
		"钱":       {"a.wav"},
		"处理":      {"a.wav", "b.wav"},
		"私下处":     {"a.wav"},
		"私下处理这笔":  {"a.wav"},
		"欠款您":     {}, // ends one utterance and begins the next
		"欠款您明":    {},
		"下处 理这":   {"a.wav"}, // each said somewhere
		"处理 私下":   {"a.wav", "b.wav"},
		"处理 明天":   {"a.wav"},
		"私_处理":    {},
		"私%理":     {},
		"%_OK":    {"c.wav"},
		"'quoted": {"c.wav"},
		`"twice"`: {"c.wav"},
		`\back`:   {"c.wav"},
		"{a,b}":   {"c.wav"},
		"'; --":   {},
		`\&`:      {},
		"day9587": {"c.wav"},
		"day9586": {}, // what the index calls the day of the contact
	} {
		if diff := cmp.Diff(want, b.keys(postgres.ListFilter{Query: query})); diff != "" {
			t.Errorf("%q (-want +got): %s", query, diff)
		}
	}
}

// Words are looked for in the newest 90 days there are, and the page tells how far that was; a span asked for is searched whole,
// and numbers and names are found whatever their date.
func TestSearchSpan(t *testing.T) {
	b := newBed(t)
	old := searchDay.AddDate(0, 0, -postgres.SearchDays)
	b.said("new.wav", "a1", searchDay, "私下处理")
	b.said("edge.wav", "a1", old.AddDate(0, 0, 1), "私下处理")
	b.said("old.wav", "a7", old, "私下处理")
	page := func(f postgres.ListFilter) postgres.ListPage {
		f.Limit = 10
		p, err := b.List(t.Context(), postgres.Scope{}, f)
		b.noError(err)
		return p
	}
	keys := func(p postgres.ListPage) (out []string) {
		for _, r := range p.Rows {
			out = append(out, r.Key)
		}
		return out
	}
	p := page(postgres.ListFilter{Query: "私下处理"})
	if diff := cmp.Diff([]string{"new.wav", "edge.wav"}, keys(p)); diff != "" {
		t.Errorf("the newest days (-want +got): %s", diff)
	}
	back := old.AddDate(0, 0, 1).Truncate(24 * time.Hour)
	if !p.Back.Equal(back) || p.Capped {
		t.Errorf("searched back to %v, capped %v; want %v", p.Back, p.Capped, back)
	}
	p = page(postgres.ListFilter{Query: "私下处理", To: back})
	if diff := cmp.Diff([]string{"old.wav"}, keys(p)); diff != "" || !p.Back.IsZero() {
		t.Errorf("the days before, back to %v (-want +got): %s", p.Back, diff)
	}
	p = page(postgres.ListFilter{Query: "私下处理", From: old})
	if len(p.Rows) != 3 || !p.Back.IsZero() {
		t.Errorf("a span that was asked for: %v, back to %v", keys(p), p.Back)
	}
	if got := keys(page(postgres.ListFilter{Query: "a7"})); !cmp.Equal(got, []string{"old.wav"}) {
		t.Errorf("an agent of long ago: %v", got)
	}
	if got := keys(page(postgres.ListFilter{Query: "OLD."})); !cmp.Equal(got, []string{"old.wav"}) {
		t.Errorf("a file of long ago: %v", got)
	}
	// When the contact was becomes known later.
	b.exec(`UPDATE recordings SET started_at = '2026-03-30' WHERE key = 'old.wav'`)
	if p = page(postgres.ListFilter{Query: "私下处理"}); len(p.Rows) != 3 {
		t.Errorf("after the contact moved: %v", keys(p))
	}
	if got, err := b.Counts(t.Context(), postgres.Scope{}, []postgres.ListFilter{{Query: "私下处理"}, {Query: "私下处理", Status: postgres.StatusFailed}}); err != nil || !cmp.Equal(got, []int{3, 0}) {
		t.Errorf("counts: %v %v", got, err)
	}
}

// A clock that runs years ahead does not hide what is said today.
func TestSearchWrongClock(t *testing.T) {
	b := newBed(t)
	b.said("now.wav", "a1", time.Now(), "私下处理")
	b.said("future.wav", "a1", time.Now().AddDate(9, 0, 0), "私下处理")
	if got := b.keys(postgres.ListFilter{Query: "私下处理"}); !cmp.Equal(got, []string{"now.wav"}) {
		t.Errorf("got %v", got)
	}
}

// A search finds nothing outside the scope and nothing the other filters leave out.
func TestSearchScope(t *testing.T) {
	b := newBed(t)
	id := b.said("a.wav", "a1", searchDay, "私下处理")
	b.said("b.wav", "a2", searchDay, "私下处理")
	for _, query := range []string{"私下处理", "处", "a1", id, "c-a.wav", "1234", "13800001234", "a.wav"} {
		for name, tc := range map[string]struct {
			sc   postgres.Scope
			f    postgres.ListFilter
			want bool
		}{
			"everything":         {postgres.Scope{}, postgres.ListFilter{}, true},
			"his own":            {postgres.Scope{Agent: "a1"}, postgres.ListFilter{}, true},
			"another's":          {postgres.Scope{Agent: "a2"}, postgres.ListFilter{}, false},
			"another team":       {postgres.Scope{Teams: []string{"south"}}, postgres.ListFilter{}, false},
			"another principal":  {postgres.Scope{Principals: []string{"乙银行"}}, postgres.ListFilter{}, false},
			"none":               {postgres.Scope{None: true}, postgres.ListFilter{}, false},
			"filtered away":      {postgres.Scope{}, postgres.ListFilter{Agent: "a2"}, false},
			"of another stage":   {postgres.Scope{}, postgres.ListFilter{Status: postgres.StatusFailed}, false},
			"of another day":     {postgres.Scope{}, postgres.ListFilter{To: searchDay}, false},
			"of the same stage":  {postgres.Scope{}, postgres.ListFilter{Status: postgres.StatusClean}, true},
			"of the same moment": {postgres.Scope{}, postgres.ListFilter{From: searchDay, To: searchDay.Add(time.Microsecond)}, true},
		} {
			tc.f.Query, tc.f.Limit = query, 10
			page, err := b.List(t.Context(), tc.sc, tc.f)
			b.noError(err)
			got := false
			for _, r := range page.Rows {
				got = got || r.ID == id
			}
			if got != tc.want {
				t.Errorf("%q, %s: found %v, want %v", query, name, got, tc.want)
			}
		}
	}
}

// What fits too often is put in order only in part, page after page without repeating, and said to be so.
func TestSearchCapped(t *testing.T) {
	b := newBed(t)
	b.said("0.wav", "a1", searchDay.AddDate(0, 0, -2), "私下处理")
	b.exec(`INSERT INTO recordings (bucket, key, version, size, kind, agent_id, started_at, state)
		SELECT bucket, n || '.wav', version, size, kind, agent_id, started_at + interval '1 day', state FROM recordings, generate_series(1, 310) n`)
	b.exec(`INSERT INTO transcripts (recording, sha256, audio, peaks, transcript, hash, said)
		SELECT r.id, t.sha256, audio, peaks, transcript, hash, said FROM transcripts t, recordings r WHERE r.key <> '0.wav'`)
	seen := map[string]bool{}
	f := postgres.ListFilter{Query: "私下处理", Limit: 200}
	for {
		page, err := b.List(t.Context(), postgres.Scope{}, f)
		b.noError(err)
		if !page.Capped {
			t.Error("a page does not say that more fit")
		}
		for _, r := range page.Rows {
			if seen[r.ID] {
				t.Fatalf("%s comes twice", r.Key)
			}
			seen[r.ID] = true
		}
		if f.After = page.Next; f.After == "" {
			break
		}
	}
	if len(seen) != 300 {
		t.Errorf("%d recordings, want 300", len(seen))
	}
	if n, err := b.Counts(t.Context(), postgres.Scope{}, []postgres.ListFilter{f}); err != nil || fmt.Sprint(n) != "[311]" {
		t.Errorf("counted %v, %v", n, err)
	}
}

// The worst of a span of days are the same whether days are walked one by one or all is sorted.
func TestListOfDays(t *testing.T) {
	b := newBed(t)
	for i := range 24 {
		f := found(fmt.Sprintf("%02d.wav", i))
		f.Metadata.StartedAt = searchDay.Add(time.Duration(i*5) * time.Hour)
		b.inspected(f, 40+i*7%11)
	}
	from, to := searchDay.Add(10*time.Hour), searchDay.Add(100*time.Hour)
	sorted := b.query(`SELECT key FROM recordings WHERE started_at >= $1 AND started_at < $2 ORDER BY score, created_at, id`, from, to)
	var got []string
	f := postgres.ListFilter{From: from, To: to, Limit: 4}
	for {
		page, err := b.List(t.Context(), postgres.Scope{}, f)
		b.noError(err)
		for _, r := range page.Rows {
			got = append(got, r.Key)
		}
		if f.After = page.Next; f.After == "" {
			break
		}
	}
	if diff := cmp.Diff(sorted, got); diff != "" {
		t.Errorf("(-want +got): %s", diff)
	}
}
