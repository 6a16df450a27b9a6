package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/speechqa/speechqa/detectors"
)

const samplesDir = "../../" + demoSamples

// badRecordings are objects that nobody can hear, by name.
var badRecordings = map[string]func(good []byte) []byte{
	"bad-empty.wav":     func([]byte) []byte { return nil },
	"bad-text.wav":      func([]byte) []byte { return []byte("这不是录音。This is no recording.\n") },
	"bad-truncated.wav": func(good []byte) []byte { return good[:30] },
	"bad-zero-hz.wav": func(good []byte) []byte {
		b := bytes.Clone(good)
		copy(b[24:28], []byte{0, 0, 0, 0})
		return b
	},
}

// samplesWithBad makes a directory with the sample recordings and the bad ones, which come first.
func samplesWithBad(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	samples, err := readSamples(samplesDir)
	if err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(filepath.Join(samplesDir, samples[0].File))
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct {
		Samples []sample `json:"samples"`
	}
	for name, spoil := range badRecordings {
		if err := os.WriteFile(filepath.Join(dir, name), spoil(good), 0o600); err != nil {
			t.Fatal(err)
		}
		manifest.Samples = append(manifest.Samples, sample{File: name})
	}
	for _, s := range samples {
		from, err := filepath.Abs(filepath.Join(samplesDir, s.File))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(from, filepath.Join(dir, s.File)); err != nil {
			t.Fatal(err)
		}
	}
	manifest.Samples = append(manifest.Samples, samples...)
	b, err := json.Marshal(manifest)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, manifestName), b, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestDemo follows a newcomer: start, look, listen, decide, stop, start again; and what can go wrong on the way.
func TestDemo(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	args := []string{"demo", "--json", "--no-browser", "--listen", "127.0.0.1:0", "--data-dir", data, "--samples", samplesWithBad(t)}

	first := start(t, nil, args...)
	password := first.says(`user lead +password (\S+)`)[1]
	clerk := first.says(`user clerk +password (\S+)`)[1]
	manager := first.says(`user manager +password (\S+)`)[1]
	trainer := first.says(`user trainer +password (\S+)`)[1]
	admin := first.says(`user admin +password (\S+)`)[1]
	eventually(t, "the first recording is heard", func() bool {
		log, err := os.ReadFile(filepath.Join(data, "speechqa.log"))
		return err == nil && bytes.Contains(log, []byte(`"step":"transcribe"`)) && bytes.Contains(log, []byte(`"verdict":"done"`))
	})
	children := first.descendants()
	if len(children) < 4 { // PostgreSQL, Redis, the object store, the model's process
		t.Fatalf("%d child processes: what was to be killed does not run", len(children))
	}
	first.kill()
	for _, c := range children {
		eventually(t, "the end of an orphaned process", func() bool { return !c.alive(t) })
	}

	demo := start(t, nil, args...)
	address := demo.says(`console: (http://\S+)`)[1]
	if strings.Contains(demo.stderr.String(), password) {
		t.Error("a password is shown again")
	}
	emptyQueueOf(t, data)
	demo.says("all samples are processed")

	records := decodeRecords(t, demo.stdout.String())
	t.Run("good and bad recordings", func(t *testing.T) { checkBad(t, records) })
	t.Run("findings", func(t *testing.T) { checkFindings(t, records) })
	t.Run("clerk", func(t *testing.T) { checkClerk(t, address, clerk) })
	t.Run("manager", func(t *testing.T) { checkManager(t, address, manager, records) })
	t.Run("trainer", func(t *testing.T) { checkTrainer(t, address, trainer) })
	var judged string // id of the recording whose findings were overturned
	t.Run("console", func(t *testing.T) { judged = checkConsole(t, address, password, records) })
	t.Run("operations", func(t *testing.T) { checkOperations(t, address, admin) })
	t.Run("evidence", func(t *testing.T) { checkEvidence(t, address, password, data, judged) })
	t.Run("stop", func(t *testing.T) {
		children := demo.descendants()
		if status := demo.stop(); status != 0 {
			t.Errorf("exit status %d after Ctrl-C", status)
		}
		for _, c := range children {
			if c.alive(t) {
				t.Errorf("process %s is left behind", c.id)
			}
		}
	})
	t.Run("once", func(t *testing.T) {
		again := start(t, nil, "demo", "--once", "--json", "--data-dir", data)
		if status := again.wait(); status != 0 {
			t.Errorf("exit status %d, want 0: all samples are inspected", status)
		}
		var want []record
		for _, r := range records {
			if r.ID == judged {
				r.Score = 100 // a person's decisions outlive the restart
			}
			if _, bad := badRecordings[r.Key]; !bad {
				want = append(want, r)
			}
		}
		if d := cmp.Diff(want, decodeRecords(t, again.stdout.String())); d != "" {
			t.Errorf("the second start shows something else (-first +second):\n%s", d)
		}
		failing := start(t, nil, slices.Concat(args, []string{"--once"})...)
		if status := failing.wait(); status == 0 {
			t.Error("exit status 0 though some recordings failed")
		}
	})
	t.Run("inspect", func(t *testing.T) { checkInspect(t, records) })
}

// emptyQueueOf takes everything out of the Redis of a running demo.
func emptyQueueOf(t *testing.T, data string) {
	t.Helper()
	socket := filepath.Join(data, "redis", "run", "redis.sock")
	client := redis.NewClient(&redis.Options{Dialer: func(ctx context.Context, _, _ string) (net.Conn, error) {
		dir, err := os.Open(filepath.Dir(socket)) // a socket's path may be too long to dial; one through /proc is not
		if err != nil {
			return nil, err
		}
		defer dir.Close()
		return new(net.Dialer).DialContext(ctx, "unix", fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(socket)))
	}})
	defer client.Close()
	if err := client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatalf("empty Redis: %v", err)
	}
}

func decodeRecords(t *testing.T, text string) []record {
	t.Helper()
	var out struct {
		Recordings []record `json:"recordings"`
	}
	dec := json.NewDecoder(strings.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&out); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return out.Recordings
}

// checkBad: bad recordings fail with a sentence, the others are inspected.
func checkBad(t *testing.T, records []record) {
	seen := 0
	for _, r := range records {
		_, bad := badRecordings[r.Key]
		switch {
		case bad && (r.State != "failed" || r.Reason == ""):
			t.Errorf("%s: state %s, reason %q; want failed with a reason", r.Key, r.State, r.Reason)
		case !bad && (r.State != "inspected" || r.Duration < 20 || r.Utterances < 6):
			t.Errorf("%s: state %s (%s), %.1f s, %d utterances", r.Key, r.State, r.Reason, r.Duration, r.Utterances)
		case !bad:
			seen++
		}
	}
	if seen < 8 {
		t.Errorf("%d recordings inspected, want at least 8", seen)
	}
}

// checkFindings: what the manifest says is broken is found, at a moment when it is said; clean samples stay clean.
func checkFindings(t *testing.T, records []record) {
	samples, err := readSamples(samplesDir)
	if err != nil {
		t.Fatal(err)
	}
	flagged := 0
	for _, s := range samples {
		i := slices.IndexFunc(records, func(r record) bool { return r.Key == s.File })
		if i < 0 {
			t.Errorf("%s is missing", s.File)
			continue
		}
		r := records[i]
		var serious []string
		for _, f := range r.Findings {
			if f.Severity == detectors.SeverityCritical {
				serious = append(serious, f.Rule)
			}
			if f.Turn >= 0 && spokenAt(t, s.File, f.Start, f.End) == "" {
				t.Errorf("%s: %s from %.1f to %.1f s, where nobody speaks", s.File, f.Rule, f.Start, f.End)
			}
		}
		for _, rule := range s.Violations {
			if !slices.ContainsFunc(r.Findings, func(f detectors.Finding) bool { return f.Rule == rule }) {
				t.Errorf("%s: %s is not found", s.File, rule)
			}
		}
		if len(s.Violations) > 0 {
			flagged++
			if r.Score >= 100 {
				t.Errorf("%s: score %d in spite of %v", s.File, r.Score, s.Violations)
			}
		} else if len(serious) > 0 {
			t.Errorf("%s is clean, but has %v", s.File, serious)
		}
	}
	if flagged < 5 {
		t.Errorf("%d samples with violations, want at least 5", flagged)
	}
}

// spokenAt returns what the agent really says in a sample between two moments, from its .txt.
func spokenAt(t *testing.T, file string, from, to float64) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(samplesDir, strings.TrimSuffix(file, ".wav")+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	for line := range strings.Lines(string(b)) {
		var who, text string
		var start, end float64
		if _, err := fmt.Sscanf(line, "%s\t%f\t%f\t%s", &who, &start, &end, &text); err != nil {
			t.Fatalf("%s: %q: %v", file, line, err)
		}
		if start < to && from < end {
			said.WriteString(text)
		}
	}
	return said.String()
}

// checkInspect: without any server the same recordings give the same findings.
func checkInspect(t *testing.T, records []record) {
	var want []record
	args := []string{"inspect", "--json"}
	for _, r := range records {
		if _, bad := badRecordings[r.Key]; !bad {
			want = append(want, r)
			args = append(args, filepath.Join(samplesDir, r.Key))
		}
	}
	p := start(t, nil, args...)
	if status := p.wait(); status != 0 {
		t.Fatalf("exit status %d", status)
	}
	dec := json.NewDecoder(strings.NewReader(p.stdout.String()))
	for _, w := range want {
		var got struct {
			File     string              `json:"file"`
			Score    int                 `json:"score"`
			Findings []detectors.Finding `json:"findings"`
		}
		if err := dec.Decode(&got); err != nil {
			t.Fatal(err)
		}
		type brief struct {
			Rule, Quote string
			Turn        int
		}
		short := func(list []detectors.Finding) (out []brief) {
			for _, f := range list {
				out = append(out, brief{f.Rule, f.Quote, f.Turn})
			}
			return out
		}
		if d := cmp.Diff(short(w.Findings), short(got.Findings)); d != "" || w.Score != got.Score {
			t.Errorf("%s: score %d in the demo, %d by inspect; findings (-demo +inspect):\n%s", w.Key, w.Score, got.Score, d)
		}
	}
}
