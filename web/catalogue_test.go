package web

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/speechqa/speechqa/custody"
	"github.com/speechqa/speechqa/detectors/pii"
	"github.com/speechqa/speechqa/storage/postgres"
)

func TestEveryMessageExistsInBothLanguages(t *testing.T) {
	c := mustMessages(t)
	for key := range c[Chinese] {
		if !c.has(English, key) {
			t.Errorf("%s is missing in English", key)
		}
	}
	for key := range c[English] {
		if !c.has(Chinese, key) {
			t.Errorf("%s is missing in Chinese", key)
		}
	}
	verbs := regexp.MustCompile(`%[a-z]`)
	for key, zh := range c[Chinese] {
		if a, b := verbs.FindAllString(zh, -1), verbs.FindAllString(c[English][key], -1); !slices.Equal(a, b) {
			t.Errorf("%s takes %v in Chinese and %v in English", key, a, b)
		}
	}
}

// A key that a template composes, such as "verdict." + a verdict, is proven by its group having every member.
func TestEveryComposedKeyExists(t *testing.T) {
	c := mustMessages(t)
	groups := map[string][]string{
		"role.":              strs(Roles),
		"severity.":          strs(severities),
		"status.":            append(strs(listStatuses[:len(listStatuses)-1]), "all"),
		"kind.":              strs(listKinds),
		"reason.":            overturnReasons,
		"verdict.":           strs([]postgres.Verdict{postgres.VerdictOpen, postgres.VerdictConfirmed, postgres.VerdictOverturned}),
		"disposals.because.": custody.ObjectionCodes,
		"disposals.states.":  strs(custody.DisposalStates),
		"disposals.items.":   strs(custody.ItemStates),
		"state.":             {"discovered", "transcribed", "inspected", "failed", "duplicate", "disposed"},
		"speaker.":           {"agent", "customer", "unknown"},
		"sampling.kind_":     {"unflagged", "calibration"},
		"quality.drift_":     {"steady", "better", "worse"},
		"quality.":           {"rule", "version", "week", "found", "findings", "confirmed", "overturned", "precision", "recall", "alpha", "drift", "by_week"},
		"sampling.":          {"by_rule", "rule", "broken", "missed_share", "missed_all", "alpha", "kappa", "any"},
		"how.":               {"exact", "homophone", "slots", "state", "fact", "model", "contacts", howPerson},
		"removed.":           {"outside_speech", "repetition", "known_phrase", "speaking_rate", "low_probability"},
		"by.":                strs(trendGroups),
		"pii.":               strs(pii.Kinds),
		"clips.example_":     strs(examples),
		"trends.":            {"above", "below", "unclear"},
		"disposition.":       strs(dispositionKinds),
		"rules.life.":        append([]string{"all"}, lifeSteps...),
		"rules.part.":        {"list", "ruleset", "exceptions", "listener", "hours", "scoring", "profiles", "clauses", "contacts", "model", "id", "version", "status", "kind", "title", "about", "severity", "speaker", "recordings", "basis", "sets", "match", "say", "unless", "ignore", "needs", "words", "where", "within", "confidence", "sound", "examples", "flag", "pass", "slots", "fact", "points", "cap", "fatal", "start", "rules", "limits", "versions", "document", "clause", "text", "from", "to"},
		"basis.kind.":        {"company", "contract", "statute"},
		"basis.asks.":        {"off", "shadow", "severity", "points", "cap", "fatal", "hours", "contacts", "allow_missing", "not_needed"},
		"basis.who.":         {"debtor", "third_party", "anyone"},
		"basis.per.":         {"number", "case"},
		"basis.count.":       {"all", "answered", "unanswered"},
		"action.":            {"confirmed", "overturned", "reopened", "added", "undone", "disposition", "speakers"},
	}
	for prefix, members := range groups {
		for _, m := range members {
			if !c.has(Chinese, prefix+m) {
				t.Errorf("%s%s is missing", prefix, m)
			}
		}
	}
	for _, e := range []*userError{errNotFound, errAccountFirst, errTooMuch, errForbidden, errCrossOrigin, errBadRequest, errNoAddress, errAudioGone, errBadSpan, errReasonNeeded, errUnreadable, errClipSpan, errNothingChosen, errNoQueue, errSampleEmpty, errSampleReviewers, errAppealReason, errAppealLate, errAppealSecond, errUnderAppeal,
		errHookAddress, errHookKey, errTokens, errTokenRefused, errReadOnly, errLoginFirst,
		errConflict, errInternal} {
		for _, part := range []string{".title", ".text"} {
			if !c.has(Chinese, "error."+e.key+part) {
				t.Errorf("error.%s%s is missing", e.key, part)
			}
		}
	}
}

// Keys written out in templates and Go files exist, and no template holds text of its own.
func TestTemplatesSpeakOnlyThroughTheCatalogue(t *testing.T) {
	c := mustMessages(t)
	key := regexp.MustCompile(`\bt "([a-z_.0-9]+)"`)
	problem := regexp.MustCompile(`"((?:login|flash|users|account|password|disposals)\.[a-z_]+)"`)
	used := 0
	for _, pattern := range []string{"templates/*.html", "*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			found := key.FindAllStringSubmatch(string(b), -1)
			if strings.HasSuffix(name, ".go") {
				found = problem.FindAllStringSubmatch(string(b), -1)
			}
			for _, m := range found {
				used++
				if !c.has(Chinese, m[1]) {
					t.Errorf("%s uses the unknown message %q", name, m[1])
				}
			}
		}
	}
	if used < 50 {
		t.Fatalf("found only %d uses of messages: the pattern no longer fits the templates", used)
	}
	han := regexp.MustCompile(`\p{Han}+`)
	names, _ := fs.Glob(templateFiles, "templates/*.html")
	for _, name := range names {
		b, err := fs.ReadFile(templateFiles, name)
		if err != nil {
			t.Fatal(err)
		}
		// The one word allowed is the name of the language one can switch to, in that language.
		if got := han.FindAllString(string(b), -1); len(got) > 0 && !slices.Equal(got, []string{"中文"}) {
			t.Errorf("%s holds Chinese text of its own: %q", name, got)
		}
	}
}

func mustMessages(t *testing.T) catalogue {
	t.Helper()
	c, err := loadMessages(messageFiles)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func strs[S ~string](in []S) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = string(s)
	}
	return out
}
