package postgres_test

import (
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/rulework"
)

// A recording is judged by the version of its bank's profile that was in force on its day, and, once a version was corrected
// and published, inspected again by that; those of other days and banks come out as they were.
func TestCorrectedProfile(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	profiles := func(june string) map[string][]byte {
		files := ownRules(t, "")
		files["profiles.yaml"] = []byte("甲银行:\n  principals: [甲银行]\n  versions:\n    - {version: 1, from: 2026-01-01, to: 2026-07-01" + june +
			"}\n    - {version: 2, from: 2026-07-01, shadow: [threat]}\n")
		return files
	}
	live, err := rulework.Follow(ctx, b.Store, asFS(profiles(", off: [threat]")), "test", log)
	b.noError(err)
	deps := pipeline.Deps{Store: b.Store, Inspector: live, Worker: "w", Log: log}
	for _, r := range []struct {
		key, principal string
		at             time.Time
	}{
		{"june", "甲银行", time.Date(2026, 6, 30, 15, 59, 0, 0, time.UTC)}, // the last minute in China
		{"july", "甲银行", time.Date(2026, 6, 30, 16, 0, 0, 0, time.UTC)},
		{"other", "乙银行", time.Date(2026, 6, 1, 2, 0, 0, 0, time.UTC)},
	} {
		f := found(r.key)
		f.Metadata.Principal, f.Metadata.StartedAt = r.principal, r.at
		b.noError(pipeline.Inspect(ctx, deps, b.transcribed(f, "再不还我让弟兄们去你家喝茶")))
	}
	judged := func() []string {
		rows := b.query(`SELECT concat_ws(' ', r.key, r.profile, (SELECT CASE WHEN f.shadow THEN 'shadow' ELSE 'found' END FROM findings f
			WHERE f.recording = r.id AND f.rule = 'threat' AND f.current)) FROM recordings r ORDER BY r.key`)
		for i := range rows {
			rows[i] = strings.Trim(rows[i], `"`)
		}
		return rows
	}
	if got, want := judged(), []string{"july 甲银行/2 shadow", "june 甲银行/1", "other  found"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}

	author := b.actor("author")
	v, err := b.AddRuleset(ctx, rulework.NewVersion{Files: profiles(", points: {threat: {points: 40}}"), From: rulework.OriginEditor, Why: "上半年也适用", Author: author})
	b.noError(err)
	b.noError(b.ApproveRuleset(ctx, v.ID, b.actor("second")))
	b.compared(v.ID)
	b.noError(b.PublishRuleset(ctx, v.ID, author, ""))
	if deps.Inspector, err = rulework.Follow(ctx, b.Store, asFS(profiles("")), "test", log); err != nil {
		t.Fatal(err)
	}
	if n, err := pipeline.InspectAgain(ctx, deps, 10); n != 3 || err != nil {
		t.Errorf("%d were inspected again: %v", n, err)
	}
	if got, want := judged(), []string{"july 甲银行/2 shadow", "june 甲银行/1 found", "other  found"}; !slices.Equal(got, want) {
		t.Errorf("after the correction %q, want %q", got, want)
	}
}
