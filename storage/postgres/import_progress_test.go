package postgres_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/storage/postgres"
)

// An import is followed by the day and by what the names of its objects begin with; what a prefix holds is no pattern.
func TestImports(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	zone, err := time.LoadLocation("Asia/Shanghai")
	b.noError(err)
	done := b.inspected(found("a_1/1.wav"), 50, finding("threat", 1))
	other := found("a_1/2.wav")
	other.Metadata.Team = "south"
	_, err = b.Discover(ctx, []pipeline.Found{other, found("ax1/3.wav")})
	b.noError(err)
	failed := b.inspected(found("a_1/4.wav"), 50)
	b.exec(`UPDATE recordings SET created_at = '2026-03-02 15:00+00' WHERE id = '` + done + `'`)
	b.exec(`UPDATE recordings SET created_at = '2026-03-02 17:00+00' WHERE id <> '` + done + `'`) // after midnight in Shanghai
	b.exec(`UPDATE recordings SET score = NULL, state = 'failed', reason = 'x' WHERE id = '` + failed + `'`)
	since := time.Date(2026, 3, 1, 0, 0, 0, 0, zone)
	second, third := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC), time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		sc     postgres.Scope
		since  time.Time
		prefix string
		want   []postgres.ImportDay
	}{
		"all":        {since: since, want: []postgres.ImportDay{{Day: third, Arrived: 3, ToHear: 2, Failed: 1}, {Day: second, Arrived: 1, Inspected: 1}}},
		"one import": {since: since, prefix: "a_1/", want: []postgres.ImportDay{{Day: third, Arrived: 2, ToHear: 1, Failed: 1}, {Day: second, Arrived: 1, Inspected: 1}}},
		"lately":     {since: time.Date(2026, 3, 3, 0, 0, 0, 0, zone), want: []postgres.ImportDay{{Day: third, Arrived: 3, ToHear: 2, Failed: 1}}},
		"a scope":    {sc: postgres.Scope{Teams: []string{"south"}}, since: since, want: []postgres.ImportDay{{Day: third, Arrived: 1, ToHear: 1}}},
		"nothing":    {since: since, prefix: "%", want: nil},
	} {
		got, err := b.Imports(ctx, tc.sc, tc.since, tc.prefix)
		b.noError(err)
		if len(got) == 0 {
			got = nil
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got): %s", name, diff)
		}
	}
	if d := (postgres.ImportDay{Arrived: 4, ToHear: 1}).Done(); d != .75 {
		t.Errorf("done: %v", d)
	}
}
