package postgres_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/speechqa/speechqa/storage/postgres"
)

// Every query that shows recordings or figures leaves out what the scope leaves out.
func TestScope(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	clerk := b.user("li")
	ids := map[string]string{}
	for _, r := range [][4]string{{"1.wav", "a1", "north", "甲银行"}, {"2.wav", "a2", "north", "乙银行"}, {"3.wav", "a3", "south", "乙银行"}} {
		f := found(r[0])
		f.Metadata.AgentID, f.Metadata.Team, f.Metadata.Principal = r[1], r[2], r[3]
		ids[r[0]] = b.inspected(f, 50, finding("threat", 1))
	}
	year := postgres.TrendFilter{By: postgres.ByAgent, From: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)}
	for name, tc := range map[string]struct {
		sc     postgres.Scope
		keys   []string
		agents []string
	}{
		"everything":         {postgres.Scope{}, []string{"1.wav", "2.wav", "3.wav"}, []string{"a1", "a2", "a3"}},
		"a team":             {postgres.Scope{Teams: []string{"north"}}, []string{"1.wav", "2.wav"}, []string{"a1", "a2"}},
		"two teams":          {postgres.Scope{Teams: []string{"south", "north"}}, []string{"1.wav", "2.wav", "3.wav"}, []string{"a1", "a2", "a3"}},
		"a principal":        {postgres.Scope{Principals: []string{"乙银行"}}, []string{"2.wav", "3.wav"}, []string{"a2", "a3"}},
		"team and principal": {postgres.Scope{Teams: []string{"north"}, Principals: []string{"乙银行"}}, []string{"2.wav"}, []string{"a2"}},
		"an agent":           {postgres.Scope{Agent: "a3"}, []string{"3.wav"}, []string{"a3"}},
		"an unknown team":    {postgres.Scope{Teams: []string{"' OR true --"}}, nil, nil},
		"nothing":            {postgres.Scope{None: true, Teams: []string{"north"}}, nil, nil},
	} {
		page, err := b.List(ctx, tc.sc, postgres.ListFilter{Limit: 10, MaxScore: 99})
		b.noError(err)
		var keys []string
		for _, r := range page.Rows {
			keys = append(keys, r.Key)
		}
		if !slices.Equal(keys, tc.keys) {
			t.Errorf("%s: list %v, want %v", name, keys, tc.keys)
		}
		facets, err := b.Facets(ctx, tc.sc)
		b.noError(err)
		if !slices.Equal(facets.Agents, tc.agents) {
			t.Errorf("%s: agents %v, want %v", name, facets.Agents, tc.agents)
		}
		trends, err := b.Trends(ctx, tc.sc, year)
		b.noError(err)
		var agents []string
		for _, r := range trends {
			agents = append(agents, r.Key)
		}
		if !slices.Equal(agents, tc.agents) {
			t.Errorf("%s: trends of %v, want %v", name, agents, tc.agents)
		}
		first := ""
		if len(tc.keys) > 0 {
			first = ids[tc.keys[0]]
		}
		if next, err := b.ClaimNext(ctx, tc.sc, clerk, "", ""); err != nil || next != first {
			t.Errorf("%s: next %q (%v), want %q", name, next, err, first)
		}
		for key, id := range ids {
			if in, err := b.InScope(ctx, tc.sc, id); err != nil || in != slices.Contains(tc.keys, key) {
				t.Errorf("%s: %s in scope: %v (%v)", name, key, in, err)
			}
		}
		if in, err := b.InScope(ctx, tc.sc, uuid.NewString()); err != nil || in {
			t.Errorf("%s: a recording that is not there is in scope (%v)", name, err)
		}
	}
}
