package detectors

import (
	"fmt"
	"strings"
	"time"

	"github.com/speechqa/speechqa/lexicon"
)

// HowContacts marks findings about several recordings.
const HowContacts = "contacts"

// Describe says who was reached in a conversation, for the rules about several recordings: whether a third party heard
// the agent, and whether anybody besides the agent spoke. What the metadata says of the callee is believed as in Inspect.
func (e *Engine) Describe(c *Conversation) (thirdParty, answered bool) {
	s := &scan{e: e, c: c, mem: mems.Get().(*mem)}
	defer s.mem.release()
	s.read()
	s.whoListens()
	for u := range c.Utterances {
		if c.Utterances[u].Speaker != SpeakerAgent && s.blockOf[u] >= 0 {
			answered = true
		}
		thirdParty = thirdParty || s.listeners[u].role == roleThird
	}
	return thirdParty || c.Metadata.Callee == roleThird, answered
}

// AcrossMark changes with everything that judging several recordings together goes by, findings aside.
func (e *Engine) AcrossMark() string { return EngineVersion + "/" + e.rs.Shared }

// Reach is how long after a contact another one may still be judged by it.
func (e *Engine) Reach() time.Duration {
	days := 1
	for _, r := range e.across {
		days = max(days, r.Contacts.Days)
	}
	for _, p := range e.rs.Frequency {
		for _, l := range p.Limits {
			days = max(days, l.Days)
		}
	}
	return time.Duration(days+1) * 24 * time.Hour
}

// PatternRules are the rules whose meeting in one contact makes a difference to others of the same agent.
func (e *Engine) PatternRules() []string {
	var out []string
	for _, r := range e.across {
		out = append(out, r.Contacts.Same...)
	}
	return out
}

// RescoreOf grades findings of a principal's recording as was asked at its time.
func (e *Engine) RescoreOf(principal string, at time.Time, standing []Finding) (score int, fatal bool) {
	return Grade(e.rs.ScoringFor(principal, at), standing)
}

// Across judges contacts by those before them. The contacts given must hold all that the judged ones could be judged by:
// those of the same case, number and agent within Reach. The result has an entry for each judged contact, whatever the
// order in which recordings came in.
func (e *Engine) Across(all []Contact, judged []string) map[string][]Finding {
	h := newHistory(all)
	wanted := map[string]bool{}
	for _, id := range judged {
		wanted[id] = true
	}
	out := map[string][]Finding{}
	for i := range all {
		c := &all[i]
		if !wanted[c.Recording] {
			continue
		}
		out[c.Recording] = nil
		if c.At.IsZero() {
			continue
		}
		policy := e.rs.Policy(c.Principal, c.At)
		for _, r := range e.across {
			if policy != nil && policy.Off[r.ID] || len(r.Recordings) > 0 && !contains(r.Recordings, string(c.Kind)) {
				continue
			}
			a := &acrossRule{e: e, Rule: r, policy: policy, shadow: r.Status == lexicon.StatusShadow || policy != nil && policy.Shadow[r.ID]}
			out[c.Recording] = append(out[c.Recording], a.judge(h, c)...)
		}
	}
	return out
}

// acrossRule is a contacts rule under the policy in force.
type acrossRule struct {
	*lexicon.Rule
	e      *Engine
	policy *lexicon.PolicyVersion
	shadow bool
}

func (a *acrossRule) judge(h history, c *Contact) []Finding {
	switch spec := a.Contacts; {
	case spec.Frequency:
		return a.frequency(h, c)
	case len(spec.After) > 0:
		return a.after(h, c)
	case spec.Hours:
		return a.attempts(h, c)
	}
	return a.pattern(h, c)
}

// finding makes a finding with the contacts that show it. The name tells it from others of its rule in the recording, and is
// all that its key depends on.
func (a *acrossRule) finding(c *Contact, name, why string, shown []Related) Finding {
	return Finding{Key: FindingKey(c.Recording, a.ID, name, 0), Rule: a.ID, RuleVersion: a.Version, Severity: Severity(a.Severity), Turn: -1, Term: name,
		How: HowContacts, Confidence: 1, Why: why, Shadow: a.shadow, Doubtful: a.Contacts.Doubtful, Related: shown}
}

func (a *acrossRule) frequency(h history, c *Contact) []Finding {
	name := "company"
	if a.policy != nil && a.policy.Contacts != "" {
		name = a.policy.Contacts
	}
	p := a.e.rs.Frequency[name]
	var out []Finding
	for i := range p.Limits {
		limit := &p.Limits[i]
		if !counts(limit, c) {
			continue
		}
		group := h.cases[c.CaseKey()]
		if limit.Per == "number" {
			group = h.numbers[c.NumberKey()]
		}
		counted, since := a.counted(limit, until(group, c, limit.Days, p.Offset))
		if len(counted) <= limit.Most {
			continue
		}
		var shown []Related
		why := fmt.Sprintf("%s(%s,第 %d 版):%d 天内 %d 次,最多 %d 次", limit.Name, p.Title, p.Version, limit.Days, len(counted), limit.Most)
		if since != nil {
			shown = append(shown, *since)
			why = fmt.Sprintf("%s(%s,第 %d 版):%s%s,此后 %d 天内又联络 %d 次", limit.Name, p.Title, p.Version, local(since.At, p.Offset), since.What, limit.Days, len(counted))
		}
		for _, k := range counted {
			shown = append(shown, Related{Recording: k.Recording, At: k.At.UTC(), What: reached(k)})
		}
		out = append(out, a.finding(c, limit.Name, why, shown))
	}
	return out
}

// about says whether a limit is about whom a contact reached.
func about(l *lexicon.ContactLimit, c *Contact) bool {
	return l.Who == "anyone" || (l.Who == "third_party") == c.ThirdParty
}

// counts says whether a limit counts a contact.
func counts(l *lexicon.ContactLimit, c *Contact) bool {
	return about(l, c) && (l.Count == "all" || (l.Count == "answered") == c.Answered)
}

// counted are the contacts of a group that a limit counts, and for a limit that follows something the contact it follows.
func (a *acrossRule) counted(l *lexicon.ContactLimit, group []*Contact) (counted []*Contact, since *Related) {
	begin := 0
	if l.Follows() {
		if begin, since = a.followed(l, group[:max(0, len(group)-1)]); since == nil {
			return nil, nil
		}
	}
	for _, k := range group[begin:] {
		if counts(l, k) {
			counted = append(counted, k)
		}
	}
	return counted, since
}

// followed is the last of some contacts that a limit follows, and the place behind it; nil where there is none.
func (a *acrossRule) followed(l *lexicon.ContactLimit, group []*Contact) (begin int, since *Related) {
	unanswered := 0 // in a row
	for i, k := range group {
		if about(l, k) {
			unanswered++
		}
		if k.Answered {
			unanswered = 0
		}
		what := ""
		if m, ok := k.met(l.After); ok {
			what = a.said(m)
		} else if k.Answered && contains(l.After, lexicon.AnsweredContact) {
			what = "接通"
		} else if l.AfterUnanswered > 0 && unanswered >= l.AfterUnanswered && !k.Answered {
			what = fmt.Sprintf("连续第 %d 次未接通", unanswered)
		}
		if what != "" {
			begin, since = i+1, &Related{Recording: k.Recording, At: k.At.UTC(), What: what}
		}
	}
	return begin, since
}

func (a *acrossRule) after(h history, c *Contact) []Finding {
	const offset = 8 * 60
	earlier := h.party(c, a.Contacts.Days, offset)
	for i := len(earlier) - 1; i >= 0; i-- {
		k := earlier[i]
		m, ok := k.met(a.Contacts.After)
		if k == c || !ok {
			continue
		}
		why := fmt.Sprintf("%s%s;此后 %d 天内仍联络", local(k.At, offset), a.said(m), a.Contacts.Days)
		return []Finding{a.finding(c, a.ID, why, []Related{{Recording: k.Recording, At: k.At.UTC(), What: a.said(m)}})}
	}
	return nil
}

func (a *acrossRule) attempts(h history, c *Contact) []Finding {
	name := "company"
	if a.policy != nil && a.policy.Hours != "" {
		name = a.policy.Hours
	}
	p := a.e.rs.Hours[name]
	outside := func(k *Contact) bool {
		return (len(p.Kinds) == 0 || contains(p.Kinds, string(k.Kind))) && !within(p, k.At) && (a.Contacts.Short == 0 || k.Duration <= a.Contacts.Short)
	}
	if !outside(c) {
		return nil
	}
	var shown []Related
	for _, k := range h.party(c, a.Contacts.Days, p.Offset) {
		if outside(k) {
			shown = append(shown, Related{Recording: k.Recording, At: k.At.UTC(), What: fmt.Sprintf("%s,%.0f 秒", reached(k), k.Duration)})
		}
	}
	if len(shown) < a.Contacts.Attempts {
		return nil
	}
	why := fmt.Sprintf("%d 天内在可联络时间之外拨打 %d 次(%s,第 %d 版)", a.Contacts.Days, len(shown), p.Title, p.Version)
	return []Finding{a.finding(c, a.ID, why, shown)}
}

// pattern finds an agent who breaks one rule with several debtors; each rule is a finding of its own.
func (a *acrossRule) pattern(h history, c *Contact) []Finding {
	if c.Agent == "" || c.CaseKey() == "" {
		return nil
	}
	var out []Finding
	earlier := until(h.agents[c.Agent], c, a.Contacts.Days, 8*60)
	for _, rule := range a.Contacts.Same {
		if m, ok := c.met([]string{rule}); !ok || m.Shadow {
			continue
		}
		cases := map[string]bool{}
		var shown []Related
		for i := len(earlier) - 1; i >= 0; i-- { // the last contact with each debtor
			k := earlier[i]
			m, ok := k.met([]string{rule})
			if !ok || m.Shadow || k.CaseKey() == "" || cases[k.CaseKey()] {
				continue
			}
			cases[k.CaseKey()] = true
			shown = append(shown, Related{Recording: k.Recording, At: k.At.UTC(), What: a.said(m)})
		}
		if len(shown) < a.Contacts.Debtors {
			continue
		}
		why := fmt.Sprintf("%d 天内对 %d 个债务人「%s」", a.Contacts.Days, len(shown), a.e.title(rule))
		out = append(out, a.finding(c, rule, why, shown))
	}
	return out
}

// said names a rule that was met and quotes the words.
func (a *acrossRule) said(m Met) string {
	if m.Quote == "" {
		return a.e.title(m.Rule)
	}
	return a.e.title(m.Rule) + "「" + m.Quote + "」"
}

func (e *Engine) title(rule string) string {
	if r, ok := e.rs.Rule(rule); ok && r.Title["zh"] != "" {
		return r.Title["zh"]
	}
	return rule
}

// reached says whom a contact reached.
func reached(c *Contact) string {
	words := []string{"本人", "接通"}
	if c.ThirdParty {
		words[0] = "第三方"
	}
	if !c.Answered {
		words[1] = "未接通"
	}
	return strings.Join(words, " ")
}

func local(t time.Time, offset int) string {
	return t.In(time.FixedZone("", offset*60)).Format("2006-01-02 15:04 ")
}

// within says whether a time lies in calling hours.
func within(p lexicon.HoursProfile, at time.Time) bool {
	t := at.In(time.FixedZone("", p.Offset*60))
	minute := t.Hour()*60 + t.Minute()
	return minute >= p.From && (minute < p.To || minute == p.To && t.Second() == 0)
}
