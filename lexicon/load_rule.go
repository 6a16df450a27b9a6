package lexicon

import (
	"fmt"
	"path"
	"strings"

	"gopkg.in/yaml.v3"
)

// scope resolves set names while one file is read.
type scope struct {
	l     *loader
	r     nodes
	local map[string]*yaml.Node // sets of this file, not yet read
	sets  map[string]*Set
	busy  map[string]bool
}

func (l *loader) scope(r nodes, sets *yaml.Node) *scope {
	s := &scope{l: l, r: r, local: map[string]*yaml.Node{}, sets: map[string]*Set{}, busy: map[string]bool{}}
	if sets != nil {
		s.local = r.object(sets, "sets")
		for name, n := range s.local {
			if _, err := s.set(name); err != nil {
				r.errorf(n.Line, "set %q: %v", name, err)
			}
		}
	}
	return s
}

func (s *scope) resolve(kind, name string) (*Set, error) {
	if kind == "list" {
		return s.l.list(name)
	}
	return s.set(name)
}

func (s *scope) set(name string) (*Set, error) {
	if set := s.sets[name]; set != nil {
		return set, nil
	}
	n := s.local[name]
	if n == nil {
		var known []string
		for k := range s.local {
			known = append(known, k)
		}
		return nil, fmt.Errorf("no set {%s} in this file%s", name, suggest(name, known))
	}
	if s.busy[name] {
		return nil, fmt.Errorf("the set {%s} includes itself", name)
	}
	s.busy[name] = true
	defer delete(s.busy, name)
	set := &Set{Name: name}
	for _, item := range s.r.list(n, "set "+name) {
		text := s.r.str(item, "phrase of set "+name)
		// A set may be written as one line: "带|叫|喊".
		for _, part := range splitAlternatives(text) {
			if err := addToSet(set, part, s.r.file, item.Line, s.resolve); err != nil {
				s.r.errorf(item.Line, "set %s: %v", name, err)
			}
		}
	}
	s.sets[name] = set
	return set, nil
}

// splitAlternatives splits "a|b|c", but leaves a regular expression whole.
func splitAlternatives(s string) []string {
	if strings.HasPrefix(s, "/") {
		return []string{s}
	}
	parts := strings.Split(s, "|")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

func (s *scope) patterns(n *yaml.Node, what string) []*Pattern {
	var out []*Pattern
	for _, item := range s.r.list(n, what) {
		text := s.r.str(item, what)
		if text == "" {
			s.r.errorf(item.Line, "%s: an empty pattern", what)
			continue
		}
		p, err := parsePattern(text, s.r.file, item.Line, s.resolve)
		if err != nil {
			s.r.errorf(item.Line, "%s: %q: %v", what, text, err)
			continue
		}
		out = append(out, p)
	}
	return out
}

var (
	speakers  = []string{"agent", "customer", "any"}
	listeners = []string{"debtor", "third_party", "unknown"}
)

// unless reads exceptions: a name from exceptions.yaml, or a mapping.
func (s *scope) unless(n *yaml.Node) []*Exception {
	var out []*Exception
	for _, item := range s.r.list(n, "unless") {
		if item.Kind == yaml.ScalarNode {
			e := s.l.shared[item.Value]
			if e == nil {
				var known []string
				for k := range s.l.shared {
					known = append(known, k)
				}
				s.r.errorf(item.Line, "no exception %q in exceptions.yaml%s", item.Value, suggest(item.Value, known))
				continue
			}
			out = append(out, e)
			continue
		}
		o := s.r.object(item, "exception", "name", "words", "where", "within", "of", "cross", "by")
		if o == nil {
			continue
		}
		out = append(out, s.exception(item, o))
	}
	return out
}

func (s *scope) exception(n *yaml.Node, o map[string]*yaml.Node) *Exception {
	r := s.r
	e := &Exception{Name: r.str(o["name"], "name"), File: r.file, Line: n.Line, Words: s.patterns(o["words"], "words"), Of: r.str(o["of"], "of")}
	e.Where = Where(r.enum(o["where"], "where", "around", "before", "after", "inside", "around", "sentence", "utterance", "previous", "next", "anywhere"))
	within := 8
	if e.Where == WherePrevious || e.Where == WhereNext {
		within = 2
	}
	e.Within = r.integer(o["within"], "within", within)
	e.Cross = r.boolean(o["cross"], "cross", false)
	by := "any"
	if e.Where == WherePrevious {
		by = "customer"
	}
	e.By = r.enum(o["by"], "by", by, speakers...)
	if e.Name == "" {
		r.errorf(n.Line, "an exception needs a name: it is the reason people see")
	}
	if len(e.Words) == 0 {
		r.errorf(n.Line, "exception %q has no words", e.Name)
	}
	return e
}

func (l *loader) exceptions() {
	l.shared = map[string]*Exception{}
	r, n := l.root("exceptions.yaml")
	if n == nil {
		return
	}
	o := r.object(n, "exceptions", "sets", "exceptions")
	s := l.scope(r, o["sets"])
	if o["exceptions"] == nil {
		return
	}
	for name, v := range r.object(o["exceptions"], "exceptions") {
		f := r.object(v, "exception", "words", "where", "within", "of", "cross", "by")
		if f == nil {
			continue
		}
		f["name"] = &yaml.Node{Kind: yaml.ScalarNode, Value: name, Line: v.Line}
		l.shared[name] = s.exception(v, f)
	}
}

func (s *scope) needs(n *yaml.Node) []*Condition {
	var out []*Condition
	r := s.r
	for _, item := range r.list(n, "needs") {
		o := r.object(item, "needs", "not", "listener", "callee", "relation", "said", "by", "before", "after", "found",
			"first", "last", "first_seconds", "last_seconds", "fact", "over", "under")
		if o == nil {
			continue
		}
		c := &Condition{Line: item.Line, Not: r.boolean(o["not"], "not", false),
			Listener: r.enums(o["listener"], "listener", listeners...),
			Callee:   r.enums(o["callee"], "callee", listeners...),
			Relation: r.strs(o["relation"], "relation"),
			Said:     s.patterns(o["said"], "said"),
			By:       r.enum(o["by"], "by", "customer", speakers...),
			Before:   r.integer(o["before"], "before", 2), After: r.integer(o["after"], "after", 0),
			Found: r.str(o["found"], "found"),
			First: r.integer(o["first"], "first", 0), Last: r.integer(o["last"], "last", 0),
			FirstSecs: r.number(o["first_seconds"], "first_seconds", 0), LastSecs: r.number(o["last_seconds"], "last_seconds", 0),
			Fact: r.str(o["fact"], "fact"),
		}
		c.Over, c.Under = s.bound(o["over"]), s.bound(o["under"])
		questions := 0
		for _, asked := range []bool{len(c.Listener) > 0, len(c.Callee) > 0, len(c.Relation) > 0, o["said"] != nil, c.Found != "",
			c.First > 0, c.Last > 0, c.FirstSecs > 0, c.LastSecs > 0, c.Fact != ""} {
			if asked {
				questions++
			}
		}
		if questions != 1 {
			r.errorf(item.Line, "a condition asks one question (listener, callee, relation, said, found, first, last, first_seconds, last_seconds or fact), not %d", questions)
		}
		if c.Fact != "" && c.Over == nil && c.Under == nil {
			r.errorf(item.Line, "fact %q needs over or under", c.Fact)
		}
		out = append(out, c)
	}
	return out
}

func (s *scope) bound(n *yaml.Node) *float64 {
	if n == nil {
		return nil
	}
	v := s.r.number(n, "bound", 0)
	return &v
}

func (l *loader) rules() {
	for _, file := range l.names("rules") {
		l.rule(file)
	}
}

func (l *loader) rule(file string) {
	r := l.nodes(file)
	n := r.parse(l.files[file])
	if n == nil {
		return
	}
	o := r.object(n, "rule", "id", "version", "status", "kind", "title", "about", "severity", "speaker", "recordings", "basis",
		"sets", "match", "unless", "model", "slots", "fact", "contacts", "examples")
	if o == nil {
		return
	}
	s := l.scope(r, o["sets"])
	rule := Rule{File: file, Line: n.Line, ID: r.str(o["id"], "id"), Version: r.integer(o["version"], "version", 0),
		Status:     Status(r.enum(o["status"], "status", "live", "draft", "shadow", "live", "retired")),
		Kind:       RuleKind(r.enum(o["kind"], "kind", "phrase", "phrase", "slots", "disclosure", "facts", "contacts")),
		About:      r.str(o["about"], "about"),
		Severity:   r.enum(o["severity"], "severity", "major", severities...),
		Speaker:    r.enum(o["speaker"], "speaker", "agent", speakers...),
		Recordings: r.enums(o["recordings"], "recordings", "call", "visit"),
		Title:      map[string]string{},
	}
	if want := strings.TrimSuffix(path.Base(file), ".yaml"); rule.ID != want {
		r.errorf(n.Line, "id is %q but the file is called %s: they must agree", rule.ID, path.Base(file))
	}
	if rule.Version < 1 {
		r.errorf(n.Line, "version must be 1 or more")
	}
	if o["title"] == nil {
		r.errorf(n.Line, "title is missing")
	} else {
		for k, v := range r.object(o["title"], "title", "zh", "en") {
			rule.Title[k] = r.str(v, "title")
		}
		for _, lang := range []string{"zh", "en"} {
			if rule.Title[lang] == "" {
				r.errorf(o["title"].Line, "title.%s is missing", lang)
			}
		}
	}
	for _, b := range r.list(o["basis"], "basis") {
		f := r.object(b, "basis", "doc", "quote")
		rule.Basis = append(rule.Basis, Basis{Doc: r.str(f["doc"], "doc"), Quote: r.str(f["quote"], "quote")})
	}
	rule.Unless = s.unless(o["unless"])
	if m := o["model"]; m != nil {
		f := r.object(m, "model", "propose", "confirm", "unless")
		rule.Model = ModelUse{Propose: r.number(f["propose"], "propose", 0), Confirm: r.number(f["confirm"], "confirm", 0),
			Unless: s.unless(f["unless"])}
	}
	switch rule.Kind {
	case KindPhrase, KindDisclosure:
		rule.Match = s.match(o["match"])
		if len(rule.Match) == 0 {
			r.errorf(n.Line, "a rule of kind %s needs match", rule.Kind)
		}
	case KindSlots:
		rule.Slots = s.slotSpecs(n, o["slots"])
	case KindFacts:
		rule.Fact = s.fact(n, o["fact"])
	case KindContacts:
		rule.Contacts = s.contactsSpec(n, o["contacts"])
	}
	for key, kinds := range map[string]string{"match": "phrase disclosure", "model": "phrase disclosure", "slots": "slots", "fact": "facts", "contacts": "contacts"} {
		if o[key] != nil && !strings.Contains(kinds, string(rule.Kind)) {
			r.errorf(o[key].Line, "%s does not belong into a rule of kind %s", key, rule.Kind)
		}
	}
	s.examples(&rule, o["examples"])
	l.rs.Rules = append(l.rs.Rules, rule)
}

func (s *scope) match(n *yaml.Node) []*Alternative {
	var out []*Alternative
	r := s.r
	for _, item := range r.list(n, "match") {
		if item.Kind == yaml.ScalarNode {
			out = append(out, &Alternative{Say: s.patterns(item, "match"), Confidence: defaultConfidence, Sound: true, Line: item.Line})
			continue
		}
		o := r.object(item, "match", "name", "say", "confidence", "sound", "needs", "unless", "ignore")
		if o == nil {
			continue
		}
		a := &Alternative{Name: r.str(o["name"], "name"), Say: s.patterns(o["say"], "say"), Line: item.Line,
			Confidence: r.number(o["confidence"], "confidence", defaultConfidence), Sound: r.boolean(o["sound"], "sound", true),
			Needs: s.needs(o["needs"]), Unless: s.unless(o["unless"]), Ignore: r.strs(o["ignore"], "ignore")}
		if o["say"] == nil {
			r.errorf(item.Line, "match %q says nothing", a.Name)
		}
		if a.Confidence <= 0 || a.Confidence > 1 {
			r.errorf(item.Line, "confidence must be above 0 and at most 1")
		}
		out = append(out, a)
	}
	return out
}

const defaultConfidence = 0.9

func (s *scope) slotSpecs(parent, n *yaml.Node) map[string]*SlotsSpec {
	if n == nil {
		s.r.errorf(parent.Line, "a rule of kind slots needs slots")
		return nil
	}
	out := map[string]*SlotsSpec{}
	for kind, v := range s.r.object(n, "slots", "call", "visit") {
		if spec := s.slots(v); spec != nil {
			out[kind] = spec
		}
	}
	return out
}

func (s *scope) slots(n *yaml.Node) *SlotsSpec {
	r := s.r
	o := r.object(n, "slots", "part", "turns", "allow_missing", "need", "excused")
	if o == nil {
		return nil
	}
	spec := &SlotsSpec{Part: r.enum(o["part"], "part", "opening", "opening", "closing"), Turns: r.integer(o["turns"], "turns", 6),
		AllowMissing: r.integer(o["allow_missing"], "allow_missing", 0), Excused: s.unless(o["excused"])}
	for _, item := range r.list(o["need"], "need") {
		f := r.object(item, "slot", "name", "title", "say", "unless", "void_by")
		if f == nil {
			continue
		}
		slot := SlotSpec{Name: r.str(f["name"], "name"), Title: r.str(f["title"], "title"), Say: s.patterns(f["say"], "say"),
			Unless: s.unless(f["unless"]), VoidBy: r.strs(f["void_by"], "void_by"), Line: item.Line}
		if slot.Name == "" || slot.Title == "" || len(slot.Say) == 0 {
			r.errorf(item.Line, "a slot needs name, title and say")
		}
		spec.Slots = append(spec.Slots, slot)
	}
	if len(spec.Slots) == 0 || spec.AllowMissing >= len(spec.Slots) {
		r.errorf(n.Line, "slots: need must list more slots than allow_missing")
	}
	return spec
}

func (s *scope) fact(parent, n *yaml.Node) *FactSpec {
	r := s.r
	if n == nil {
		r.errorf(parent.Line, "a rule of kind facts needs fact")
		return nil
	}
	o := r.object(n, "fact", "hours", "gap", "gap_reasons", "cuts", "holds", "value", "over", "under", "why")
	f := &FactSpec{Hours: r.str(o["hours"], "hours"), Gap: r.number(o["gap"], "gap", 0), GapReasons: r.strs(o["gap_reasons"], "gap_reasons"),
		Cuts: r.boolean(o["cuts"], "cuts", false), Holds: r.enums(o["holds"], "holds", "call", "visit"),
		Value: r.str(o["value"], "value"), Over: s.bound(o["over"]), Under: s.bound(o["under"]), Why: r.str(o["why"], "why")}
	asked := 0
	for _, b := range []bool{f.Hours != "", o["gap"] != nil, f.Value != ""} {
		if b {
			asked++
		}
	}
	if asked != 1 {
		r.errorf(n.Line, "fact asks exactly one of hours, gap or value")
	}
	if f.Value != "" && f.Over == nil && f.Under == nil {
		r.errorf(n.Line, "value needs over or under")
	}
	return f
}

func (l *loader) listener() {
	r, n := l.root("listener.yaml")
	if n == nil {
		return
	}
	o := r.object(n, "listener", "sets", "third_party", "debtor", "handover", "recorder")
	s := l.scope(r, o["sets"])
	read := func(key string) []Evidence {
		var out []Evidence
		for _, item := range r.list(o[key], key) {
			f := r.object(item, key, "name", "by", "say", "after", "unless", "weight")
			if f == nil {
				continue
			}
			e := Evidence{Name: r.str(f["name"], "name"), By: r.enum(f["by"], "by", "customer", "agent", "customer"), Say: s.patterns(f["say"], "say"),
				After: s.patterns(f["after"], "after"), Unless: s.unless(f["unless"]), Weight: r.number(f["weight"], "weight", 1), Line: item.Line}
			if len(e.Say) == 0 {
				r.errorf(item.Line, "%s: evidence without say", key)
			}
			out = append(out, e)
		}
		return out
	}
	l.rs.Listener = &ListenerSpec{ThirdParty: read("third_party"), Debtor: read("debtor"), Handover: read("handover"), Recorder: read("recorder")}
}

// references checks names that point at other rules and files.
func (l *loader) references() {
	ids := l.ruleIDs()
	known := map[string]bool{"self": true}
	for _, id := range ids {
		if known[id] {
			l.nodes("rules/"+id+".yaml").errorf(1, "the rule id %q is there twice", id)
		}
		known[id] = true
	}
	for i := range l.rs.Rules {
		rule := &l.rs.Rules[i]
		r := l.nodes(rule.File)
		names := map[string]bool{}
		for _, e := range rule.Unless {
			names[e.Name] = true
		}
		for _, a := range rule.Match {
			for _, c := range a.Needs {
				if c.Found != "" && !known[c.Found] {
					r.errorf(c.Line, "found: no rule %q%s", c.Found, suggest(c.Found, ids))
				}
			}
			for _, name := range a.Ignore {
				if !names[name] {
					r.errorf(a.Line, "ignore: the rule has no exception %q%s", name, suggest(name, keys(names)))
				}
			}
		}
		for _, a := range rule.Match {
			for _, e := range a.Unless {
				names[e.Name] = true
			}
		}
		for _, spec := range rule.Slots {
			for _, e := range spec.Excused {
				names[e.Name] = true
			}
			for _, slot := range spec.Slots {
				for _, e := range slot.Unless {
					names[e.Name] = true
				}
				for _, id := range slot.VoidBy {
					if !known[id] || id == "self" {
						r.errorf(slot.Line, "void_by: no rule %q%s", id, suggest(id, ids))
					}
				}
			}
		}
		if rule.Kind == KindDisclosure {
			names[RecorderException] = true
		}
		for _, ex := range rule.Pass {
			if ex.Because != "" && !names[ex.Because] {
				r.errorf(ex.LineNo, "because: the rule has no exception %q%s", ex.Because, suggest(ex.Because, keys(names)))
			}
		}
		if rule.Fact != nil && rule.Fact.Hours != "" {
			if _, ok := l.rs.Hours[rule.Fact.Hours]; !ok {
				r.errorf(rule.Line, "hours: no profile %q in hours.yaml", rule.Fact.Hours)
			}
		}
	}
	l.contactReferences()
}

// RecorderException is the built-in exception of disclosure rules: words spoken to the recorder.
const RecorderException = "对录音设备说明"

func keys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	return out
}
