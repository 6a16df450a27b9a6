package detectors

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Contact is what rules about several recordings know of one of them.
type Contact struct {
	Recording  string
	Kind       Kind
	At         time.Time // when it began; a recording without a time takes no part
	Principal  string
	Case       string
	Number     string // as PhoneKey writes it
	Agent      string
	ThirdParty bool
	Answered   bool // somebody besides the agent spoke
	Duration   float64
	Met        []Met // what was found in it alone, what people overturned left out
}

// Met is a rule that was met in a recording, with the words.
type Met struct {
	Rule  string `json:"rule"`
	Quote string `json:"quote"`
	// Shadow: the rule is on trial. It may say when to stop, and counts for no agent.
	Shadow bool `json:"shadow,omitempty"`
}

// Related is a recording that is part of the evidence of a finding about several.
type Related struct {
	Recording string    `json:"recording"`
	At        time.Time `json:"at"`
	What      string    `json:"what,omitempty"` // what it shows; Chinese
}

// PhoneKey writes a number so that the same telephone has the same key however the dialer wrote it; "" where it is no
// number. Numbers that the dialer has masked are told apart only within a case.
func PhoneKey(phone string) string {
	var b strings.Builder
	for _, r := range phone {
		if r >= '0' && r <= '9' || r == '*' {
			b.WriteRune(r)
		}
	}
	key := strings.TrimPrefix(b.String(), "0086")
	if len(key) == 13 && strings.HasPrefix(key, "861") {
		key = key[2:]
	}
	if len(key) == 12 && strings.HasPrefix(key, "01") && key[2] != '0' { // 0 before a mobile number; 010 is Beijing
		key = key[1:]
	}
	if len(key) < 5 {
		return ""
	}
	return key
}

// CaseKey tells a debtor's case from those of other principals; "" where there is no case.
func (c *Contact) CaseKey() string {
	if c.Case == "" {
		return ""
	}
	return c.Principal + "\n" + c.Case
}

// NumberKey is the number, within its case where it is masked; "" where there is none.
func (c *Contact) NumberKey() string {
	if strings.Contains(c.Number, "*") {
		return c.CaseKey() + "\n" + c.Number
	}
	return c.Number
}

// met says whether one of the rules was met, and in what words.
func (c *Contact) met(rules []string) (Met, bool) {
	for _, m := range c.Met {
		if contains(rules, m.Rule) {
			return m, true
		}
	}
	return Met{}, false
}

// byTime orders contacts; the id settles the order of those of one moment.
func byTime(a, b *Contact) int {
	return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Recording, b.Recording))
}

// history is contacts by who was contacted and by whom, each in the order of time.
type history struct {
	cases, numbers, agents map[string][]*Contact
}

func newHistory(all []Contact) history {
	h := history{map[string][]*Contact{}, map[string][]*Contact{}, map[string][]*Contact{}}
	sorted := make([]*Contact, 0, len(all))
	for i := range all {
		if !all[i].At.IsZero() {
			sorted = append(sorted, &all[i])
		}
	}
	slices.SortFunc(sorted, byTime)
	add := func(m map[string][]*Contact, key string, c *Contact) {
		if key != "" {
			m[key] = append(m[key], c)
		}
	}
	for _, c := range sorted {
		add(h.cases, c.CaseKey(), c)
		add(h.numbers, c.NumberKey(), c)
		add(h.agents, c.Agent, c)
	}
	return h
}

// until gives those of a group within the calendar days that end with c's own, up to c itself.
func until(group []*Contact, c *Contact, days, offset int) []*Contact {
	first := day(c.At, offset).AddDate(0, 0, 1-days)
	from, _ := slices.BinarySearchFunc(group, first, func(g *Contact, t time.Time) int {
		if g.At.Before(t) {
			return -1
		}
		return 1
	})
	to, found := slices.BinarySearchFunc(group, c, byTime)
	if found {
		to++
	}
	return group[from:max(from, to)]
}

// party gives those of c's case and of c's number together.
func (h history) party(c *Contact, days, offset int) []*Contact {
	both := slices.Concat(until(h.cases[c.CaseKey()], c, days, offset), until(h.numbers[c.NumberKey()], c, days, offset))
	slices.SortFunc(both, byTime)
	return slices.Compact(both)
}

// day is the midnight before a time, minutes east of UTC.
func day(t time.Time, offset int) time.Time {
	local := t.In(time.FixedZone("", offset*60))
	return time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, local.Location())
}
