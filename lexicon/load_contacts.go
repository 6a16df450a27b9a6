package lexicon

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// maxDays bounds how far back a rule about several recordings may look.
const maxDays = 3660

// defaultFrequency is the frequency profile where no policy profile names another.
const defaultFrequency = "company"

// optional parses one of the top files that need not be there.
func (l *loader) optional(file string) (nodes, *yaml.Node) {
	r := l.nodes(file)
	data, ok := l.files[file]
	if !ok || isBlankYAML(data) {
		return r, nil
	}
	return r, r.parse(data)
}

// isBlankYAML says whether a file holds nothing but comments.
func isBlankYAML(data []byte) bool {
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			return false
		}
	}
	return true
}

// contacts reads contacts.yaml: frequency profiles.
//
//	company:
//	  version: 1
//	  title: 公司规定
//	  limits:
//	    - {name: 第三方三日一次, who: third_party, per: number, count: answered, most: 1, days: 3}
func (l *loader) contacts() {
	l.rs.Frequency = map[string]FrequencyProfile{}
	r, n := l.optional("contacts.yaml")
	if n == nil {
		return
	}
	for name, v := range r.object(n, "contacts") {
		o := r.object(v, "frequency profile", "version", "title", "utc_offset", "limits")
		p := FrequencyProfile{Name: name, Version: r.integer(o["version"], "version", 1), Title: r.str(o["title"], "title"), Offset: l.offset(r, o["utc_offset"])}
		for _, item := range r.list(o["limits"], "limits") {
			p.Limits = append(p.Limits, l.contactLimit(r, item))
		}
		names := map[string]bool{}
		for _, limit := range p.Limits {
			if names[limit.Name] {
				r.errorf(limit.Line, "the limit %q is there twice", limit.Name)
			}
			names[limit.Name] = true
		}
		if len(p.Limits) == 0 {
			r.errorf(v.Line, "frequency profile %q has no limits", name)
		}
		l.rs.Frequency[name] = p
	}
}

func (l *loader) contactLimit(r nodes, n *yaml.Node) ContactLimit {
	o := r.object(n, "limit", "name", "who", "per", "count", "after", "after_unanswered", "most", "days")
	c := ContactLimit{Name: r.str(o["name"], "name"), Who: r.enum(o["who"], "who", "anyone", "debtor", "third_party", "anyone"),
		Per: r.enum(o["per"], "per", "case", "number", "case"), Count: r.enum(o["count"], "count", "all", "all", "answered", "unanswered"),
		After: r.strs(o["after"], "after"), AfterUnanswered: r.integer(o["after_unanswered"], "after_unanswered", 0), Most: r.integer(o["most"], "most", 0), Days: l.days(r, o["days"], n), Line: n.Line}
	if c.Name == "" {
		r.errorf(n.Line, "a limit needs a name: it is the reason people see")
	}
	if c.AfterUnanswered < 0 {
		r.errorf(n.Line, "after_unanswered must be 1 or more")
	}
	if o["most"] == nil || c.Most == 0 && !c.Follows() {
		r.errorf(n.Line, "most is missing: how many contacts are allowed (0 only together with after or after_unanswered)")
	}
	return c
}

func (l *loader) days(r nodes, n, parent *yaml.Node) int {
	d := r.integer(n, "days", 0)
	if d < 1 || d > maxDays {
		line := parent.Line
		if n != nil {
			line = n.Line
		}
		r.errorf(line, "days must be 1 to %d", maxDays)
	}
	return d
}

// contactsSpec reads what a contacts rule asks.
func (s *scope) contactsSpec(parent, n *yaml.Node) *ContactsSpec {
	r := s.r
	if n == nil {
		r.errorf(parent.Line, "a rule of kind contacts needs contacts")
		return nil
	}
	o := r.object(n, "contacts", "frequency", "after", "hours", "same", "days", "attempts", "short", "debtors", "doubtful")
	if o == nil {
		return nil
	}
	c := &ContactsSpec{Frequency: r.boolean(o["frequency"], "frequency", false), After: r.strs(o["after"], "after"),
		Hours: r.boolean(o["hours"], "hours", false), Same: r.strs(o["same"], "same"), Attempts: r.integer(o["attempts"], "attempts", 2),
		Short: r.number(o["short"], "short", 0), Debtors: r.integer(o["debtors"], "debtors", 3), Doubtful: r.boolean(o["doubtful"], "doubtful", false)}
	asked := 0
	for _, q := range []bool{c.Frequency, len(c.After) > 0, c.Hours, len(c.Same) > 0} {
		if q {
			asked++
		}
	}
	if asked != 1 {
		r.errorf(n.Line, "contacts asks exactly one of frequency, after, hours or same")
	}
	if !c.Frequency {
		c.Days = s.l.days(r, o["days"], n)
	}
	if c.Attempts < 2 || c.Debtors < 2 {
		r.errorf(n.Line, "attempts and debtors must be 2 or more")
	}
	return c
}

// exampleContacts reads the contacts of an example, "1 10:00 third_party answered stop_request agent=a1 seconds=5": the
// day, the time, who, whether somebody answered, the rules met in it, and what tells it from the others.
func (s *scope) exampleContacts(items []*yaml.Node) []ExampleContact {
	var out []ExampleContact
	for _, item := range items {
		f := strings.Fields(s.r.str(item, "contacts"))
		c := ExampleContact{Agent: "a1", Case: "c1", Number: "13800000000", Seconds: 60}
		if len(f) < 2 {
			s.r.errorf(item.Line, "a contact must look like: 1 10:00 third_party answered")
			continue
		}
		var h, m int
		day, err := strconv.Atoi(f[0])
		if _, clockErr := fmt.Sscanf(f[1], "%02d:%02d", &h, &m); err != nil || day < 1 || clockErr != nil || h > 23 || m > 59 {
			s.r.errorf(item.Line, "a contact begins with its day and time, as 1 10:00")
		}
		c.Day, c.Minute = day, h*60+m
		for _, word := range f[2:] {
			key, value, pair := strings.Cut(word, "=")
			switch {
			case word == "third_party":
				c.ThirdParty = true
			case word == "unanswered":
				c.Unanswered = true
			case word == "debtor", word == "answered":
			case !pair:
				c.Met = append(c.Met, word)
			case key == "agent":
				c.Agent = value
			case key == "case":
				c.Case = value
			case key == "number":
				c.Number = value
			case key == "seconds":
				if c.Seconds, err = strconv.ParseFloat(value, 64); err != nil {
					s.r.errorf(item.Line, "seconds must be a number, not %q", value)
				}
			default:
				s.r.errorf(item.Line, "unknown %q in a contact%s", key, suggest(key, []string{"agent", "case", "number", "seconds"}))
			}
		}
		out = append(out, c)
	}
	return out
}

// contactReferences checks the names that contacts rules and frequency profiles mention.
func (l *loader) contactReferences() {
	ids := l.ruleIDs()
	check := func(r nodes, line int, what string, names []string) {
		for _, id := range names {
			if !slices.Contains(ids, id) {
				r.errorf(line, "%s: no rule %q%s", what, id, suggest(id, ids))
			}
		}
	}
	for _, p := range l.rs.Frequency {
		for _, limit := range p.Limits {
			names := slices.DeleteFunc(slices.Clone(limit.After), func(id string) bool { return id == AnsweredContact })
			check(l.nodes("contacts.yaml"), limit.Line, "after", names)
		}
	}
	for i := range l.rs.Rules {
		rule := &l.rs.Rules[i]
		if rule.Contacts == nil {
			continue
		}
		r := l.nodes(rule.File)
		check(r, rule.Line, "after", rule.Contacts.After)
		check(r, rule.Line, "same", rule.Contacts.Same)
		if _, ok := l.rs.Frequency[defaultFrequency]; rule.Contacts.Frequency && !ok {
			r.errorf(rule.Line, "frequency: contacts.yaml has no profile %q", defaultFrequency)
		}
		if _, ok := l.rs.Hours[defaultHours]; rule.Contacts.Hours && !ok {
			r.errorf(rule.Line, "hours: hours.yaml has no profile %q", defaultHours)
		}
		for _, ex := range append(slices.Clone(rule.Flag), rule.Pass...) {
			for _, c := range ex.Contacts {
				check(r, ex.LineNo, "contacts", c.Met)
			}
		}
	}
}

// defaultHours is the calling-hours profile of contacts rules where no policy profile names another.
const defaultHours = "company"
