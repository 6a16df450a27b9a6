package rulework

import (
	"bytes"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/speechqa/speechqa/lexicon"
)

// Raised is a rule whose number was raised because it finds something else than before.
type Raised struct {
	Rule     string
	From, To int
}

// Raise gives the number of every rule that no longer behaves as in the old files, and still carries a number used there,
// the next one: figures by rule and version would else mix what two different rules found. Taken are the highest numbers
// that any version ever gave its rules, also one that was rolled back: none is given twice. A rule changes with its own
// file, and with the lists, exceptions and profiles it goes by; one of old files that cannot be read any more has changed. The files are those given, with only these numbers changed.
func Raise(old, now map[string][]byte, taken map[string]int) (map[string][]byte, []Raised, error) {
	after, err := lexicon.LoadFiles(now)
	if err != nil {
		return nil, nil, fmt.Errorf("the ruleset has errors:\n%w", err)
	}
	before, err := lexicon.LoadFiles(old)
	if err != nil { // of a time when rules were written otherwise: every rule is taken for another
		before = &lexicon.Ruleset{}
		for _, r := range after.Rules {
			before.Rules = append(before.Rules, lexicon.Rule{ID: r.ID, Version: NumberOf(old[path.Join("rules", r.ID+".yaml")])})
		}
	}
	changed := func(file string) bool { return !bytes.Equal(old[file], now[file]) }
	out := maps.Clone(now)
	var raised []Raised
	for i := range after.Rules {
		r := &after.Rules[i]
		was, known := before.Rule(r.ID)
		if !known || r.Version > was.Version {
			continue
		}
		same := was.Behaviour() == r.Behaviour() && !slices.ContainsFunc(goesBy(r), changed)
		if same && (r.Model.Propose > 0 || r.Model.Confirm > 0) {
			same = before.Model.Behaviour(r.ID) == after.Model.Behaviour(r.ID)
		}
		if same {
			continue
		}
		file := path.Join("rules", r.ID+".yaml")
		next := max(was.Version, taken[r.ID]) + 1
		text, ok := withVersion(now[file], next)
		if !ok {
			return nil, nil, fmt.Errorf("%s: there is no line with its version", file)
		}
		out[file] = text
		raised = append(raised, Raised{r.ID, r.Version, next})
	}
	return out, raised, nil
}

// goesBy are the files beside a rule's own, its lists and its exceptions that decide what it finds.
func goesBy(r *lexicon.Rule) (files []string) {
	switch r.Kind {
	case lexicon.KindDisclosure:
		files = append(files, "listener.yaml")
	case lexicon.KindFacts:
		files = append(files, "hours.yaml")
	case lexicon.KindContacts:
		files = append(files, "contacts.yaml", "hours.yaml", "listener.yaml")
	}
	for _, a := range r.Match {
		if slices.ContainsFunc(a.Needs, func(c *lexicon.Condition) bool { return len(c.Listener) > 0 }) {
			return append(files, "listener.yaml")
		}
	}
	return files
}

var versionLine = regexp.MustCompile(`(?m)^version:[ \t]*\d+`)

// NumberOf is the number that a rule's file gives it; 0 where there is none.
func NumberOf(file []byte) int {
	n, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(string(versionLine.Find(file)), "version:")))
	if err != nil {
		return 0
	}
	return n
}

// withVersion writes another number into a rule's file and leaves everything else byte for byte.
func withVersion(file []byte, version int) ([]byte, bool) {
	at := versionLine.FindIndex(file)
	if at == nil {
		return nil, false
	}
	return slices.Concat(file[:at[0]], []byte("version: "+strconv.Itoa(version)), file[at[1]:]), true
}
