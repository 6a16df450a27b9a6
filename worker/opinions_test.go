package worker_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/speechqa/speechqa/lexicon"
	"github.com/speechqa/speechqa/pipeline/secondopinion"
	"github.com/speechqa/speechqa/storage/postgres"
)

// llm is a server that speaks the protocol of language models.
type llm struct {
	down, babble atomic.Bool
	asked        atomic.Int32
}

var agentLine = regexp.MustCompile(`(?m)^(\d+) agent:(\S+)`)

func (l *llm) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.asked.Add(1)
	if l.down.Load() {
		http.Error(w, "starting", http.StatusServiceUnavailable)
		return
	}
	var q struct{ Messages []struct{ Content string } }
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil || len(q.Messages) != 2 {
		http.Error(w, "what?", http.StatusBadRequest)
		return
	}
	content := `{"violations":[]}`
	if line := agentLine.FindStringSubmatch(q.Messages[1].Content); line != nil && strings.Contains(q.Messages[0].Content, "(insult)") {
		content = `{"violations":[{"turn":` + line[1] + `,"quote":"` + line[2] + `","why":"听起来像"}]}`
	}
	if l.babble.Load() {
		content = "I think that"
	}
	json.NewEncoder(w).Encode(map[string]any{"choices": []any{map[string]any{"finish_reason": "stop", "message": map[string]string{"content": content}}}})
}

// Opinions come after the inspection, wait for a server that is down, are not asked for twice, and never touch a score.
func TestOpinions(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	if due, err := f.store.DueOpinions(t.Context(), 0, 1); err != nil || len(due) != 0 { // from here on
		t.Fatalf("%v, %v", due, err)
	}
	f.uploadMany(0, 3)
	f.discover()
	f.start(&hearing{}, nil)
	f.waitInspected(3)
	const marks = `SELECT string_agg(concat_ws(' ', key, score, fatal), ', ' ORDER BY key) FROM recordings`
	const advised = `SELECT count(DISTINCT recording) FROM findings WHERE finding ->> 'how' = 'llm' AND doubtful AND current`
	before := f.one(marks)

	rs, err := lexicon.LoadDefault()
	if err != nil {
		t.Fatal(err)
	}
	var server llm
	server.down.Store(true)
	s := httptest.NewServer(&server)
	defer s.Close()
	client, err := secondopinion.New(secondopinion.Config{URL: s.URL, Model: "m"}, rs)
	if err != nil {
		t.Fatal(err)
	}
	o := &secondopinion.Follower{Store: f.store, Adviser: func() (secondopinion.Adviser, error) { return client, nil }, AtOnce: 2, Every: 50 * time.Millisecond, Settle: time.Second, Log: f.log()}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := o.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	defer running.Wait()
	defer cancel()

	asked := func(n int32) func() bool { return func() bool { return server.asked.Load() >= n } }
	f.wait("the server was tried several times", asked(10))
	if n := f.one(`SELECT count(*) FROM opinions`); n != "0" {
		t.Errorf("%s opinions of a server that gave none", n)
	}
	server.down.Store(false)
	f.wait("opinions on all", func() bool { return f.one(advised) == "3" })
	if after := f.one(marks); after != before {
		t.Errorf("scores were %s and are %s", before, after)
	}
	if n := f.one(`SELECT count(*) FROM opinions WHERE missing <> ''`); n != "0" {
		t.Errorf("%s opinions are said to be incomplete", n)
	}

	// Inspected again, the same question is not asked again and what was found comes back.
	calls := server.asked.Load()
	if _, err := f.store.Rescan(t.Context(), postgres.AuditEntry{}, "other rules"); err != nil {
		t.Fatal(err)
	}
	f.wait("inspected again and advised again", func() bool {
		return f.one(`SELECT count(*) FROM recordings JOIN opinions o ON o.recording = id WHERE inspections = 2 AND o.inspected_at = recordings.inspected_at`) == "3" &&
			f.one(advised) == "3"
	})
	if n := server.asked.Load(); n != calls {
		t.Errorf("the same was asked %d times more", n-calls)
	}

	// Answers that cannot be believed are put on record as missing, and the next recording's turn comes.
	server.babble.Store(true)
	f.uploadMany(3, 4)
	f.discover()
	f.wait("the bad answers are on record", func() bool { return f.one(`SELECT count(*) FROM opinions WHERE missing <> ''`) == "1" })
	server.babble.Store(false)
	f.uploadMany(4, 5)
	f.discover()
	f.wait("the next one has an opinion", func() bool { return f.one(`SELECT count(*) FROM opinions WHERE missing = ''`) == "4" })
}
