package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
	"github.com/speechqa/speechqa/web"
)

// TestRulesRetrain: forty decisions in the database become a version whose model has learnt from them; it is a draft that
// its author cannot approve, and too few decisions become nothing.
func TestRulesRetrain(t *testing.T) {
	s := &story{t: t}
	s.store, s.url = storagetest.Open(t)
	hash, err := web.HashPassword("a story's password")
	s.noError(err)
	for _, name := range []string{"zhang", "wang"} {
		_, err := s.store.CreateUser(t.Context(), postgres.User{Name: name, DisplayName: name, PasswordHash: hash, Role: "lead"})
		s.noError(err)
	}
	s.rules = copyRules(t, "")
	s.cli("rules", "import", s.rules, "--as", "zhang", "--why", "现行规则")
	s.cli("rules", "approve", "1", "--as", "wang")
	s.cli("rules", "publish", "1", "--as", "zhang")
	env := map[string]string{"SPEECHQA_DATABASE_URL": s.url}
	retrain := []string{"rules", "retrain", "--as", "zhang", "--why", "学习十一月的复核", "--enough", "10", "--folds", "2"}
	if status, _, errs := speechqa(t, env, retrain...); status == 0 || !strings.Contains(errs, "enough judged findings") {
		t.Errorf("without decisions: status %d, %s", status, errs)
	}

	e, err := loadEngine(s.rules)
	s.noError(err)
	for i := range 12 {
		s.judged(e, 2*i, fmt.Sprintf("我们做废物利用的第%d个项目您看看", i+2), postgres.VerdictOverturned)
		s.judged(e, 2*i+1, fmt.Sprintf("你这个废物欠了%d块都还不上", 100*(i+1)), postgres.VerdictConfirmed)
	}
	if out := s.cli(append(retrain, "--dry-run")...); !strings.Contains(out, "insult") || strings.Contains(out, "version 2") {
		t.Errorf("dry run: %s", out)
	}
	out := s.cli(retrain...)
	if !strings.Contains(out, "version 2, a draft") {
		t.Fatalf("%s", out)
	}
	got := s.query(`SELECT concat_ws('/', state, origin, base, (why LIKE '学习十一月的复核%F1%insult%')::text, (files - '{model.txt,rules/insult.yaml}'::text[] = (SELECT files - '{model.txt,rules/insult.yaml}'::text[] FROM ruleset_versions WHERE id = 1))::text,
		(files = (SELECT files FROM ruleset_versions WHERE id = 1))::text) FROM ruleset_versions WHERE id = 2`)[0]
	if want := "draft/retrain/1/true/true/false"; got != want {
		t.Errorf("the version is %q, want %q", got, want)
	}
	if status, _, errs := speechqa(t, env, "rules", "approve", "2", "--as", "zhang"); status == 0 {
		t.Errorf("its author approved it: %s", errs)
	}
	s.cli("rules", "approve", "2", "--as", "wang")
}

// judged stores a recording that was inspected, and a person's word on the insult in it.
func (s *story) judged(e *detectors.Engine, i int, line string, verdict postgres.Verdict) {
	s.t.Helper()
	ctx := s.t.Context()
	id := s.transcript(i, []string{"您好,我是某某科技的工作人员,工号1234", line}, "你好")
	r, err := s.store.Begin(ctx, id, pipeline.StepInspect, "story")
	s.noError(err)
	tr, err := s.store.Transcript(ctx, id)
	s.noError(err)
	res := e.Inspect(&detectors.Conversation{ID: id, Kind: detectors.KindCall, Utterances: tr.Transcript.Utterances})
	s.noError(s.store.CommitInspection(ctx, id, r.Attempt, pipeline.Inspected{TranscriptHash: tr.TranscriptHash, Result: res, Rescore: e.Rescore}))
	u, err := s.store.UserByName(ctx, "zhang")
	s.noError(err)
	v, err := s.store.Review(ctx, id)
	s.noError(err)
	for _, f := range v.Findings {
		if f.Rule == "insult" {
			d := postgres.Decision{RecordingID: id, FindingKey: f.Key, Verdict: verdict, UserID: u.ID, Version: v.Version}
			if verdict == postgres.VerdictOverturned {
				d.Reason = "context"
			}
			s.noError(s.store.Decide(ctx, d, e.Rescore))
			return
		}
	}
	s.t.Fatalf("no insult is found in %q", line)
}
