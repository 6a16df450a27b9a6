package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline/meta"
)

const samples = "../../testdata/samples/"

// TestInspect hears a sample between two files that are no recordings: those are named, the sample is inspected,
// and the status says that something was wrong.
func TestInspect(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text.wav")
	if err := os.WriteFile(text, []byte("this is no recording"), 0o644); err != nil {
		t.Fatal(err)
	}
	status, out, errs := speechqa(t, nil, "inspect", "--json", "--meta", "duration=60", text, samples+"02-threat.wav", t.TempDir())
	if status != 1 {
		t.Errorf("status %d", status)
	}
	for _, want := range []string{text + ": 文件内容是文本", "目录", "2 of 3 recordings", "demo model"} {
		if !strings.Contains(errs, want) {
			t.Errorf("%q is not in what was reported:\n%s", want, errs)
		}
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 1 {
		t.Fatalf("%d lines for one recording:\n%s", len(lines), out)
	}
	var in inspection
	if err := json.Unmarshal([]byte(lines[0]), &in); err != nil {
		t.Fatal(err)
	}
	if in.Kind != detectors.KindCall || in.Channels != 2 || in.Duration < 36 || in.Duration > 37 || in.ModelHash == "" || in.RulesetHash == "" {
		t.Errorf("%+v", in)
	}
	threat, gap := false, false
	for _, f := range in.Findings {
		threat = threat || f.Rule == "threat"
		gap = gap || f.Rule == "recording_gap" // the dialer says 60 seconds, there are 36
		if f.Turn >= 0 && in.Utterances[f.Turn].Text[f.ByteStart:f.ByteEnd] != f.Quote {
			t.Errorf("%s quotes %q, said is %q", f.Rule, f.Quote, in.Utterances[f.Turn].Text)
		}
	}
	if !threat || !gap || in.Score >= 100 {
		t.Errorf("score %d, findings %+v", in.Score, in.Findings)
	}
}

// TestTranscribe prints what others rely on, and reads for people.
func TestTranscribe(t *testing.T) {
	status, out, errs := speechqa(t, nil, "transcribe", "--json", "--words", samples+"03-impersonation.wav")
	if status != 0 {
		t.Fatalf("status %d: %s", status, errs)
	}
	var line map[string]any
	if err := json.Unmarshal([]byte(out), &line); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"file", "duration", "channels", "utterances"} {
		if _, ok := line[key]; !ok {
			t.Errorf("no %s in %s", key, out)
		}
	}
	for _, key := range []string{"speaker", "channel", "start", "end", "text", "confidence", "words"} {
		if _, ok := line["utterances"].([]any)[0].(map[string]any)[key]; !ok {
			t.Errorf("no %s in %s", key, out)
		}
	}
	if strings.Count(out, "\n") != 1 {
		t.Errorf("%d lines", strings.Count(out, "\n"))
	}
}

// TestHearingUsage refuses what cannot be before a model is loaded.
func TestHearingUsage(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"inspect", "--meta", "principal", "x.wav"}, "KEY=VALUE"},
		{[]string{"inspect", "--model", "large-v3", "--models-dir", t.TempDir(), "x.wav"}, "speechqa model get large-v3"},
		{[]string{"transcribe", "--model", "/nowhere.bin", "x.wav"}, "no such file"},
		{[]string{"transcribe", "--vad-model", "silero-v6.2.0", "--models-dir", t.TempDir(), "x.wav"}, "speechqa model get silero"},
		{[]string{"inspect", "--rules", "/nowhere", "x.wav"}, "nowhere"},
	} {
		if status, _, errs := speechqa(t, nil, c.args...); status == 0 || !strings.Contains(errs, c.want) {
			t.Errorf("%v: status %d, %s", c.args, status, errs)
		}
	}
	if status, _, _ := speechqa(t, nil, "inspect", "--kind", "letter", "x.wav"); status != 2 {
		t.Errorf("a kind that does not exist: status %d", status)
	}
}

// TestAbout puts flags, the file beside the recording and its path together.
func TestAbout(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "visit", "2026", "03", "02")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "1023_20260302T101500_13800000000_C77.wav")
	if err := os.WriteFile(strings.TrimSuffix(file, ".wav")+".json", []byte(`{"principal":"华远银行","case_id":"C78"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	h := hearingFlags{Kind: "auto", Meta: []string{"agent_channel=right"}}
	got, err := h.about(file)
	if err != nil {
		t.Fatal(err)
	}
	if got.Kind != detectors.KindVisit || got.Metadata.Principal != "华远银行" || got.Metadata.CaseID != "C78" ||
		got.Metadata.AgentID != "1023" || got.Metadata.Extra["agent_channel"] != "right" || len(got.Notes) != 1 {
		t.Errorf("%+v", got)
	}
	list := filepath.Join(t.TempDir(), "list.csv")
	if err := os.WriteFile(list, []byte("录音文件,案件号,委托方,通话时长\n"+filepath.Base(file)+",C79,远山银行,00:10:00\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	h.list = meta.NewManifestFile(list, nil)
	if got, err = h.about(file); err != nil || got.Metadata.Duration != 600 || got.Metadata.Principal != "华远银行" || len(got.Notes) != 3 {
		t.Errorf("with a manifest: %+v, %v", got, err)
	}
	h.KeyPattern = "{agent}-{case}"
	if got, err := h.about("77-C9.wav"); err != nil || got.Metadata.AgentID != "77" || got.Metadata.CaseID != "C9" {
		t.Errorf("with a pattern of one's own: %+v, %v", got, err)
	}
	for name, want := range map[string]detectors.Kind{"07-visit.wav": detectors.KindVisit, "外访_1.mp4": detectors.KindVisit, "a.wav": detectors.KindCall} {
		if got, err := h.about(name); err != nil || got.Kind != want || len(got.Notes) != 0 {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}
