package detectors

import (
	"fmt"
	"strings"
	"time"

	"github.com/speechqa/speechqa/lexicon"
)

// ExampleFailure is an embedded example that does not hold.
type ExampleFailure struct {
	Rule, File string
	Line       int
	Reason     string
}

func (f ExampleFailure) Error() string {
	return fmt.Sprintf("%s:%d: %s: %s", f.File, f.Line, f.Rule, f.Reason)
}

// TestExamples runs the flag and pass examples of the rules (of all but retired ones) and returns how many ran
// and which failed. Flag examples must be found by the rules alone, without the model, so that a change to a rule
// shows; pass examples must pass with it and without it.
func TestExamples(rs *lexicon.Ruleset, only string) (ran int, failures []ExampleFailure, err error) {
	active := activated(rs)
	whole, err := New(active)
	if err != nil {
		return 0, nil, err
	}
	active = activated(rs)
	active.Model = nil
	alone, err := New(active)
	if err != nil {
		return 0, nil, err
	}
	for i := range rs.Rules {
		r := &rs.Rules[i]
		if r.Status == lexicon.StatusRetired || only != "" && r.ID != only {
			continue
		}
		for _, ex := range append(append([]lexicon.Example{}, r.Flag...), r.Pass...) {
			ran++
			reason := alone.example(r, &ex)
			if reason == "" && !ex.IsFlag {
				reason = whole.example(r, &ex)
			}
			if reason != "" {
				failures = append(failures, ExampleFailure{Rule: r.ID, File: ex.File, Line: ex.LineNo, Reason: reason})
			}
		}
	}
	return ran, failures, nil
}

// activated is the ruleset with draft rules live, so that their examples can run.
func activated(rs *lexicon.Ruleset) *lexicon.Ruleset {
	out := *rs
	out.Rules = append([]lexicon.Rule{}, rs.Rules...)
	for i := range out.Rules {
		if out.Rules[i].Status == lexicon.StatusDraft {
			out.Rules[i].Status = lexicon.StatusLive
		}
	}
	return &out
}

func (e *Engine) example(r *lexicon.Rule, ex *lexicon.Example) string {
	if r.Kind == lexicon.KindContacts {
		return e.contactsExample(r, ex)
	}
	c, err := ExampleConversation(r, ex)
	if err != nil {
		return err.Error()
	}
	res, suppressed := e.Explain(c)
	var hits []Finding
	for _, f := range res.Findings {
		if f.Rule == r.ID {
			hits = append(hits, f)
		}
	}
	if ex.IsFlag {
		return flagged(ex, hits, suppressed, r.ID)
	}
	if len(hits) > 0 {
		return fmt.Sprintf("should pass, but was flagged: 「%s」 (%s)", hits[0].Quote, hits[0].Why)
	}
	if ex.Because == "" {
		return ""
	}
	for _, s := range suppressed {
		if s.Rule == r.ID && s.Exception == ex.Because {
			return ""
		}
	}
	names := suppressedNames(suppressed, r.ID)
	if names == "" {
		return fmt.Sprintf("passes, but not because of %q: no pattern matches it at all", ex.Because)
	}
	return fmt.Sprintf("passes because of %s, not because of %q", names, ex.Because)
}

// ExampleConversation is the recording that an example of a rule describes.
func ExampleConversation(r *lexicon.Rule, ex *lexicon.Example) (*Conversation, error) {
	c := &Conversation{ID: "example", Kind: KindCall, Metadata: Metadata{Callee: "debtor", Relation: "self"}, Facts: Facts{Values: ex.Facts}}
	if len(r.Recordings) == 1 {
		c.Kind = Kind(r.Recordings[0])
	}
	if k := ex.Meta["kind"]; k != "" {
		c.Kind = Kind(k)
	}
	if r.Kind == lexicon.KindDisclosure {
		c.Metadata.Callee, c.Metadata.Relation = "third_party", "unknown"
	}
	if v := ex.Meta["callee"]; v != "" {
		c.Metadata.Callee, c.Metadata.Relation = v, "unknown"
	}
	if v := ex.Meta["relation"]; v != "" {
		c.Metadata.Relation = v
	}
	c.Metadata.Principal = ex.Meta["principal"]
	if at := ex.Meta["at"]; at != "" {
		t, err := time.Parse(time.RFC3339, at)
		if err != nil {
			return nil, fmt.Errorf("at: %q is not an RFC 3339 time", at)
		}
		c.Metadata.StartedAt = t
	}
	if v, ok := ex.Facts["gap"]; ok {
		c.Facts.Gaps = []Gap{{Start: 10, End: 10 + v, Reason: GapDigitalSilence}}
	}
	if at, ok := ex.Facts["cut"]; ok {
		c.Facts.Gaps = append(c.Facts.Gaps, Gap{Start: at, End: at, Reason: GapDiscontinuity})
	}
	c.Facts.Duration = ex.Facts["duration"]
	for _, l := range ex.Say {
		c.Utterances = append(c.Utterances, Utterance{Speaker: Speaker(l.Speaker), Text: l.Text})
	}
	return c, nil
}

func flagged(ex *lexicon.Example, hits []Finding, suppressed []Suppressed, rule string) string {
	if len(hits) == 0 {
		if names := suppressedNames(suppressed, rule); names != "" {
			return "should be flagged, but an exception applies: " + names
		}
		return fmt.Sprintf("should be flagged, but no pattern matches 「%s」", ex.Say[len(ex.Say)-1].Text)
	}
	if ex.Quote == "" {
		return ""
	}
	var quotes []string
	for _, f := range hits {
		if f.Turn < 0 {
			return ""
		}
		text := ex.Say[f.Turn].Text
		if at := strings.Index(text, ex.Quote); at >= 0 && at < f.ByteEnd && f.ByteStart < at+len(ex.Quote) {
			return ""
		}
		quotes = append(quotes, f.Quote)
	}
	return fmt.Sprintf("the quote 「%s」 was not found; found instead 「%s」", ex.Quote, strings.Join(quotes, "」「"))
}

func suppressedNames(list []Suppressed, rule string) string {
	var out []string
	for _, s := range list {
		if s.Rule == rule && !contains(out, fmt.Sprintf("%q", s.Exception)) {
			out = append(out, fmt.Sprintf("%q", s.Exception))
		}
	}
	return strings.Join(out, ", ")
}
