package detectors

import (
	"fmt"
	"time"

	"github.com/speechqa/speechqa/lexicon"
)

// contactsExample judges the last contact of an example of a contacts rule.
func (e *Engine) contactsExample(r *lexicon.Rule, ex *lexicon.Example) string {
	var all []Contact
	first := time.Date(2026, 3, 1, 0, 0, 0, 0, time.FixedZone("", 8*3600))
	for i, x := range ex.Contacts {
		c := Contact{Recording: fmt.Sprintf("%03d", i+1), Kind: KindCall, At: first.AddDate(0, 0, x.Day-1).Add(time.Duration(x.Minute) * time.Minute),
			Principal: ex.Meta["principal"], Case: x.Case, Number: PhoneKey(x.Number), Agent: x.Agent, ThirdParty: x.ThirdParty, Answered: !x.Unanswered, Duration: x.Seconds}
		for _, rule := range x.Met {
			c.Met = append(c.Met, Met{Rule: rule})
		}
		all = append(all, c)
	}
	last := all[len(all)-1].Recording
	for _, f := range e.Across(all, []string{last})[last] {
		switch {
		case f.Rule == r.ID && ex.IsFlag:
			return ""
		case f.Rule == r.ID:
			return fmt.Sprintf("should pass, but the last contact was flagged: %s", f.Why)
		}
	}
	if ex.IsFlag {
		return "the last contact should be flagged, but is not"
	}
	return ""
}
