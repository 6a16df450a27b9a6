package main

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/lexicon"
	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/pipeline/audio"
	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
)

// TestContactsAreFollowed: the running part finds what two inspected recordings show together, and stops when told to.
func TestContactsAreFollowed(t *testing.T) {
	store, url := storagetest.Open(t)
	rs, err := lexicon.LoadDefault()
	if err != nil {
		t.Fatal(err)
	}
	engine, err := detectors.New(rs)
	if err != nil {
		t.Fatal(err)
	}
	sys := &system{store: store, log: slog.New(slog.DiscardHandler)}
	sys.addContacts(func() postgres.Across { return engine })
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- sys.run(ctx) }()
	for i, key := range []string{"1.wav", "2.wav"} {
		meta := detectors.Metadata{AgentID: "a1", Principal: "甲银行", CaseID: "c1", Phone: "13800000001", Callee: "third_party",
			StartedAt: time.Date(2026, 3, 2+i, 10, 0, 0, 0, time.UTC)}
		if _, err := store.Discover(t.Context(), []pipeline.Found{{Object: pipeline.Object{Bucket: "b", Key: key}, Kind: detectors.KindCall, Metadata: meta}}); err != nil {
			t.Fatal(err)
		}
		inspectAs(t, store, url, engine, key)
	}
	eventually(t, "a finding about both recordings", func() bool {
		return len(storagetest.Query(t, url, `SELECT 1 FROM findings f JOIN recordings r ON r.id = f.recording WHERE across AND f.rule = 'excessive_contact' AND r.key = '2.wav'`)) == 1
	})
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// inspectAs takes a recording through both steps as the pipeline does, with two lines of talk.
func inspectAs(t *testing.T, store *postgres.Store, url string, engine *detectors.Engine, key string) {
	t.Helper()
	id := storagetest.Query(t, url, `SELECT id FROM recordings WHERE key = $1`, key)[0]
	r, err := store.Begin(t.Context(), id, pipeline.StepTranscribe, "w")
	if err != nil {
		t.Fatal(err)
	}
	err = store.CommitTranscript(t.Context(), id, r.Attempt, pipeline.Transcribed{SHA256: key, TranscriptHash: key, Audio: audio.Facts{Duration: 9},
		Transcript: detectors.Transcript{Utterances: []detectors.Utterance{{Speaker: detectors.SpeakerAgent, End: 2, Text: "您好"}, {Speaker: detectors.SpeakerCustomer, Start: 2, End: 4, Text: "喂"}}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := pipeline.Inspect(t.Context(), pipeline.Deps{Store: store, Inspector: engine, Worker: "w"}, id); err != nil {
		t.Fatal(err)
	}
}
