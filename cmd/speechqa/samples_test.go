package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/speechqa/speechqa/detectors"
)

// decisive is, for every rule that a sample breaks, what is said where it is broken. The demo model mishears much;
// these words or their sound it was measured to understand well enough.
var decisive = map[string]map[string]string{
	"02-threat.wav":          {"threat": "坐牢"},
	"03-impersonation.wav":   {"impersonation": "公安局"},
	"04-waiver.wav":          {"unauthorized_waiver": "利息我给你全部免掉"},
	"05-third-party.wav":     {"third_party_disclosure": "信用卡欠了五万元"},
	"06-private-payment.wav": {"private_payment": "转到我的微信", "cash_out_inducement": "花呗套现"},
}

// TestSamples inspects every sample, as the demo does, with what its manifest says of it: what breaks a rule is found
// where it is said, and what breaks none is found clean.
func TestSamples(t *testing.T) {
	list, err := readSamples(samples)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 8 {
		t.Fatalf("%d samples", len(list))
	}
	for _, s := range list {
		t.Run(s.File, func(t *testing.T) {
			in := inspectSample(t, s)
			if len(s.Violations) == 0 && (in.Score != 100 || len(in.Findings) > 0 || len(in.Doubtful) > 0) {
				t.Errorf("nothing is wrong with it, but the score is %d: %+v %+v\nheard: %s", in.Score, in.Findings, in.Doubtful, heardText(in))
			}
			if len(s.Violations) != len(decisive[s.File]) {
				t.Errorf("the manifest names %v, the test %v", s.Violations, decisive[s.File])
			}
			for _, rule := range s.Violations {
				from, to := whenSaid(t, s.File, decisive[s.File][rule])
				if !slices.ContainsFunc(in.Findings, func(f detectors.Finding) bool {
					return f.Rule == rule && f.Turn >= 0 && f.Start < to && f.End > from
				}) {
					t.Errorf("%s is not found between %v and %v s: %+v\nheard: %s", rule, from, to, in.Findings, heardText(in))
				}
			}
		})
	}
}

func inspectSample(t *testing.T, s sample) inspection {
	t.Helper()
	args := []string{"inspect", "--json", samples + s.File}
	for k, v := range s.Meta {
		args = append(args, "--meta", k+"="+v)
	}
	status, out, errs := speechqa(t, nil, args...)
	if status != 0 {
		t.Fatalf("status %d: %s", status, errs)
	}
	var in inspection
	if err := json.Unmarshal([]byte(out), &in); err != nil {
		t.Fatal(err)
	}
	return in
}

// whenSaid returns when the turn begins and ends in which the words are really said.
func whenSaid(t *testing.T, file, words string) (from, to float64) {
	t.Helper()
	b, err := os.ReadFile(samples + strings.TrimSuffix(file, filepath.Ext(file)) + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var turns []struct {
		Start, End float64
		Text       string
	}
	if err := json.Unmarshal(b, &turns); err != nil {
		t.Fatal(err)
	}
	for _, turn := range turns {
		if words != "" && strings.Contains(turn.Text, words) {
			return turn.Start, turn.End
		}
	}
	t.Fatalf("nobody says %q in %s", words, file)
	return 0, 0
}

func heardText(in inspection) string {
	var b strings.Builder
	for _, u := range in.Utterances {
		b.WriteString(string(u.Speaker) + ": " + u.Text + "\n")
	}
	return b.String()
}
