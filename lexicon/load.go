package lexicon

import (
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"sort"
	"strings"
	"sync"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

//go:embed data
var embedded embed.FS

var loadDefault = sync.OnceValues(func() (*Ruleset, error) {
	sub, err := fs.Sub(embedded, "data")
	if err != nil {
		return nil, err
	}
	return LoadFS(sub)
})

// LoadDefault returns the ruleset built into the binary. Callers must not change it.
func LoadDefault() (*Ruleset, error) { return loadDefault() }

// DefaultFiles gives the files of the built-in ruleset, as a starting point for an own one.
func DefaultFiles() fs.FS {
	sub, err := fs.Sub(embedded, "data")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return sub
}

// LoadDir reads a ruleset from a directory laid out like the built-in one: ruleset.yaml, scoring.yaml,
// exceptions.yaml, listener.yaml, hours.yaml, rules/*.yaml, lists/*.txt and, where wanted, contacts.yaml, profiles.yaml,
// clauses.yaml, model.txt. All errors come at once as LoadErrors.
func LoadDir(dir string) (*Ruleset, error) {
	st, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("ruleset directory: %w", err)
	}
	if !st.IsDir() {
		return nil, fmt.Errorf("ruleset directory: %s is not a directory", dir)
	}
	return LoadFS(os.DirFS(dir))
}

// limits that keep a hostile ruleset from eating the memory of a worker.
const (
	maxRuleFile  = 16 << 20
	maxRuleFiles = 2000
)

// LoadFS reads a ruleset from a file system; see LoadDir.
func LoadFS(fsys fs.FS) (*Ruleset, error) {
	l := newLoader()
	if err := l.read(fsys); err != nil {
		return nil, err
	}
	return l.load()
}

func newLoader() *loader {
	l := &loader{files: map[string][]byte{}, sets: map[string]*Set{}, listState: map[string]int{}}
	l.rs = &Ruleset{Lists: map[string]*List{}, Hours: map[string]HoursProfile{}}
	return l
}

// load makes the ruleset of the files.
func (l *loader) load() (*Ruleset, error) {
	l.lists()
	l.exceptions()
	l.listener()
	l.hours()
	l.contacts()
	l.model()
	l.rules()
	l.ruleset()
	l.scoring()
	l.policies()
	l.clauses()
	l.references()
	if len(l.errs) > 0 {
		return nil, l.errs.sorted()
	}
	l.rs.Hash = HashFiles(l.files)
	l.rs.Shared = HashFiles(l.acrossFiles())
	return l.rs, nil
}

// acrossFiles are the files that do not only tell how a single recording is judged.
func (l *loader) acrossFiles() map[string][]byte {
	out := maps.Clone(l.files)
	delete(out, "ruleset.yaml") // the name and the version
	delete(out, "model.txt")
	for _, r := range l.rs.Rules {
		if r.Kind != KindContacts {
			delete(out, r.File)
		}
	}
	return out
}

type loader struct {
	files     map[string][]byte
	errs      LoadErrors
	rs        *Ruleset
	sets      map[string]*Set // lists by name
	listState map[string]int  // 1 = being read, 2 = done
	shared    map[string]*Exception
}

func (l *loader) nodes(file string) nodes { return nodes{file: file, errs: &l.errs} }

func (l *loader) read(fsys fs.FS) error {
	return fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("read ruleset: %w", err)
		}
		if d.IsDir() || strings.HasPrefix(path.Base(p), ".") {
			return nil
		}
		if !IsRulesetFile(p) {
			return nil
		}
		if len(l.files) >= maxRuleFiles {
			return fmt.Errorf("read ruleset: more than %d files", maxRuleFiles)
		}
		if st, err := d.Info(); err == nil && st.Size() > maxRuleFile {
			l.nodes(p).errorf(1, "the file is larger than %d bytes", maxRuleFile)
			return nil
		}
		data, err := fs.ReadFile(fsys, p)
		if err != nil {
			return fmt.Errorf("read ruleset: %w", err)
		}
		l.take(p, data)
		return nil
	})
}

// take keeps a file's content unless it is no text.
func (l *loader) take(p string, data []byte) {
	if !utf8.Valid(data) {
		l.nodes(p).errorf(1, "the file is not valid UTF-8")
		return
	}
	l.files[p] = data
}

func (l *loader) names(dir string) []string {
	var out []string
	for p := range l.files {
		if path.Dir(p) == dir {
			out = append(out, p)
		}
	}
	sort.Strings(out)
	return out
}

// root parses one of the top files; a missing file is an error.
func (l *loader) root(file string) (nodes, *yaml.Node) {
	r := l.nodes(file)
	data, ok := l.files[file]
	if !ok {
		r.errorf(1, "the file is missing")
		return r, nil
	}
	return r, r.parse(data)
}

func (l *loader) ruleset() {
	r, n := l.root("ruleset.yaml")
	if n == nil {
		return
	}
	o := r.object(n, "ruleset", "name", "version")
	l.rs.Name, l.rs.Version = r.str(o["name"], "name"), r.str(o["version"], "version")
	if l.rs.Version == "" {
		r.errorf(n.Line, "version is missing")
	}
}

func (l *loader) scoring() {
	r, n := l.root("scoring.yaml")
	if n == nil {
		return
	}
	o := r.object(n, "scoring", "start", "points", "rules")
	s := Scoring{Start: r.integer(o["start"], "start", 100), Points: map[string]int{}, Rules: map[string]RulePoints{}}
	if p := o["points"]; p != nil {
		for k, v := range r.object(p, "points", severities...) {
			s.Points[k] = r.integer(v, "points", 0)
		}
	}
	for _, sev := range severities {
		if _, ok := s.Points[sev]; !ok {
			r.errorf(n.Line, "points: severity %q is missing", sev)
		}
	}
	if rules := o["rules"]; rules != nil {
		s.Rules = l.rulePoints(r, rules)
	}
	l.rs.Scoring = s
}

// rulePoints reads what rules cost, by rule.
func (l *loader) rulePoints(r nodes, n *yaml.Node) map[string]RulePoints {
	out := map[string]RulePoints{}
	for id, v := range r.object(n, "rules") {
		if _, ok := l.rs.Rule(id); !ok {
			r.errorf(v.Line, "no rule %q%s", id, suggest(id, l.ruleIDs()))
			continue
		}
		p := r.object(v, "rule points", "points", "cap", "fatal")
		out[id] = RulePoints{Points: r.integer(p["points"], "points", 0), Cap: r.integer(p["cap"], "cap", 0), Fatal: r.boolean(p["fatal"], "fatal", false)}
	}
	return out
}

var severities = []string{"info", "minor", "major", "critical"}

func (l *loader) ruleIDs() []string {
	var ids []string
	for _, r := range l.rs.Rules {
		ids = append(ids, r.ID)
	}
	return ids
}

func (l *loader) hours() {
	r, n := l.root("hours.yaml")
	if n == nil {
		return
	}
	for name, v := range r.object(n, "hours") {
		o := r.object(v, "hours profile", "version", "title", "from", "to", "utc_offset", "kinds")
		p := HoursProfile{Name: name, Version: r.integer(o["version"], "version", 1), Title: r.str(o["title"], "title"),
			Kinds: r.enums(o["kinds"], "kinds", "call", "visit")}
		p.From, p.To, p.Offset = l.clock(r, o["from"], v), l.clock(r, o["to"], v), l.offset(r, o["utc_offset"])
		if p.From >= p.To {
			r.errorf(v.Line, "hours profile %q: from must be before to", name)
		}
		l.rs.Hours[name] = p
	}
}

// offset reads minutes east of UTC; without any it is China's.
func (l *loader) offset(r nodes, n *yaml.Node) int {
	if n == nil {
		return 8 * 60
	}
	var h, m int
	var sign byte
	if _, err := fmt.Sscanf(n.Value, "%c%02d:%02d", &sign, &h, &m); err != nil || sign != '+' && sign != '-' {
		r.errorf(n.Line, "utc_offset must look like +08:00, not %q", n.Value)
	}
	if sign == '-' {
		return -(h*60 + m)
	}
	return h*60 + m
}

func (l *loader) clock(r nodes, n, parent *yaml.Node) int {
	if n == nil {
		r.errorf(parent.Line, "from and to are needed, as 08:00")
		return 0
	}
	var h, m int
	if _, err := fmt.Sscanf(n.Value, "%02d:%02d", &h, &m); err != nil || h > 24 || m > 59 {
		r.errorf(n.Line, "a time must look like 08:00, not %q", n.Value)
	}
	return h*60 + m
}
