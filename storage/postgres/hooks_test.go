package postgres_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/storage/postgres"
)

// A recording that becomes fatal is told to every hook, once, with what makes it so and nothing of what was said.
func TestHooks(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	admin := b.user("admin")
	who := postgres.AuditEntry{Actor: admin, Name: "admin"}
	id, err := b.CreateHook(ctx, "https://a.example/hook", "geheim", who)
	b.noError(err)
	gone, err := b.CreateHook(ctx, "https://b.example/hook", "s", who)
	b.noError(err)
	b.noError(b.RemoveHook(ctx, gone, who))
	rec := b.inspected(found("1.wav"), 80, finding("threat", 1))
	if jobs, err := b.DueHooks(ctx, 10, time.Minute); err != nil || len(jobs) != 0 {
		t.Errorf("before anything is fatal: %+v %v", jobs, err)
	}
	fatal := func([]detectors.Finding) (int, bool) { return 0, true }
	for i := range 2 { // the second time it is fatal already
		b.noError(b.Decide(ctx, postgres.Decision{RecordingID: rec, UserID: admin, Version: int64(i), FindingKey: "threat-key", Verdict: postgres.VerdictConfirmed}, fatal))
	}
	jobs, err := b.DueHooks(ctx, 10, time.Minute)
	b.noError(err)
	if len(jobs) != 1 || jobs[0].URL != "https://a.example/hook" || jobs[0].Secret != "geheim" || jobs[0].Tries != 0 {
		t.Fatalf("%+v", jobs)
	}
	var body struct {
		ID, Event string
		Recording struct {
			ID       string
			Fatal    bool
			Findings []map[string]any
		}
	}
	b.noError(json.Unmarshal(jobs[0].Body, &body))
	if body.ID != jobs[0].ID || body.Event != "recording.fatal" || body.Recording.ID != rec || !body.Recording.Fatal || len(body.Recording.Findings) != 1 || body.Recording.Findings[0]["quote"] != nil {
		t.Errorf("%s", jobs[0].Body)
	}
	if again, err := b.DueHooks(ctx, 10, time.Minute); err != nil || len(again) != 0 {
		t.Errorf("taken twice: %+v %v", again, err)
	}
	b.exec(`UPDATE hook_deliveries SET next_at = now() WHERE next_at IS NOT NULL`) // the process died and the lease ran out
	again, err := b.DueHooks(ctx, 10, time.Minute)
	b.noError(err)
	if len(again) != 1 || again[0].Tries != 1 {
		t.Fatalf("%+v", again)
	}
	b.noError(b.HookFailed(ctx, again[0].ID, "answered 503", time.Hour))
	list, err := b.HookDeliveries(ctx, 10)
	b.noError(err)
	if d := list[0]; d.Problem != "answered 503" || d.Tries != 2 || d.NextAt.Before(time.Now().Add(50*time.Minute)) || d.Recording != rec {
		t.Errorf("%+v", d)
	}
	b.noError(b.HookFailed(ctx, again[0].ID, "answered 503", 0))
	if list, err = b.HookDeliveries(ctx, 10); err != nil || !list[0].NextAt.IsZero() || !list[0].DoneAt.IsZero() {
		t.Errorf("given up: %+v %v", list, err)
	}
	b.noError(b.TryHook(ctx, id, who))
	jobs, err = b.DueHooks(ctx, 10, time.Minute)
	b.noError(err)
	if len(jobs) != 1 {
		t.Fatalf("trial: %+v", jobs)
	}
	b.noError(b.HookDelivered(ctx, jobs[0].ID))
	if list, err = b.HookDeliveries(ctx, 1); err != nil || len(list) != 1 || list[0].DoneAt.IsZero() {
		t.Errorf("delivered: %+v %v", list, err)
	}
	for name, err := range map[string]error{"remove": b.RemoveHook(ctx, gone, who), "try": b.TryHook(ctx, gone, who), "none": b.RemoveHook(ctx, uuid.NewString(), who)} {
		if !errors.Is(err, postgres.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if hooks, err := b.Hooks(ctx); err != nil || len(hooks) != 1 || hooks[0].By != "admin先生" {
		t.Errorf("%+v %v", hooks, err)
	}
	if acts := b.query(`SELECT action FROM audit_log WHERE subject LIKE 'hook:%' ORDER BY seq`); !slices.Equal(acts, []string{"hook.made", "hook.made", "hook.removed", "hook.tried"}) {
		t.Errorf("on record: %v", acts)
	}
}
