package meta

import (
	"fmt"
	"regexp"
	"strings"
)

// DefaultPattern is how keys are built where nothing else is configured.
const DefaultPattern = "{kind}/{yyyy}/{mm}/{dd}/{agent}_{yyyymmddThhmmss}_{callee}_{case}.wav"

// Pattern reads an object's key.
type Pattern struct {
	re     *regexp.Regexp
	groups []string
}

// times are the groups that make up a point in time, with what they consist of.
var times = map[string]string{
	"yyyy": `\d{4}`, "mm": `\d{2}`, "dd": `\d{2}`, "hh": `\d{2}`, "mi": `\d{2}`, "ss": `\d{2}`,
	"yyyymmdd": `\d{8}`, "hhmmss": `\d{6}`, "yyyymmddThhmmss": `\d{8}T\d{6}`, "yyyymmddhhmmss": `\d{14}`, "yyyymmdd_hhmmss": `\d{8}_\d{6}`,
}

// ParsePattern reads a pattern such as DefaultPattern. A name in braces stands for a part of the key without "/";
// the names yyyy, mm, dd, hh, mi, ss, yyyymmdd, hhmmss, yyyymmddThhmmss, yyyymmddhhmmss and yyyymmdd_hhmmss are
// digits that make up the starting time, the others are fields (kind, agent, case, callee, phone, team, principal,
// relation, …) or go to the extra metadata. "*" stands for anything without "/", "**" for anything. Keys may have
// folders before what the pattern describes, and any extension in place of the pattern's.
func ParsePattern(pattern string) (*Pattern, error) {
	p := &Pattern{}
	var re strings.Builder
	re.WriteString(`^(?:.*/)?`)
	rest := pattern
	if i := strings.LastIndexByte(rest, '.'); i >= 0 && !strings.ContainsAny(rest[i:], "/{}*") {
		rest = rest[:i]
	}
	for rest != "" {
		switch {
		case rest[0] == '{':
			end := strings.IndexByte(rest, '}')
			if end < 0 {
				return nil, fmt.Errorf("key pattern %q: %q has no closing brace", pattern, rest)
			}
			name := rest[1:end]
			if !groupName.MatchString(name) {
				return nil, fmt.Errorf("key pattern %q: %q is no name (letters, digits, _)", pattern, name)
			}
			p.groups = append(p.groups, name)
			if digits, ok := times[name]; ok {
				re.WriteString("(" + digits + ")")
			} else {
				re.WriteString("([^/]+?)")
			}
			rest = rest[end+1:]
		case strings.HasPrefix(rest, "**"):
			re.WriteString(".*")
			rest = rest[2:]
		case rest[0] == '*':
			re.WriteString("[^/]*")
			rest = rest[1:]
		case rest[0] == '}':
			return nil, fmt.Errorf("key pattern %q: closing brace without an opening one", pattern)
		default:
			n := strings.IndexAny(rest, "{}*")
			if n < 0 {
				n = len(rest)
			}
			re.WriteString(regexp.QuoteMeta(rest[:n]))
			rest = rest[n:]
		}
	}
	re.WriteString(`(?:\.[A-Za-z0-9]{1,5})?$`)
	if len(p.groups) == 0 {
		return nil, fmt.Errorf("key pattern %q: names no part of the key, e.g. {agent}", pattern)
	}
	var err error
	if p.re, err = regexp.Compile(re.String()); err != nil {
		return nil, fmt.Errorf("key pattern %q: %w", pattern, err)
	}
	return p, nil
}

var groupName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)

// match returns what a key tells, nil where it does not fit.
func (p *Pattern) match(key string) map[string]string {
	if p == nil {
		return nil
	}
	m := p.re.FindStringSubmatch(key)
	if m == nil {
		return nil
	}
	out := map[string]string{}
	clock := map[string]string{}
	for i, name := range p.groups {
		if _, ok := times[name]; ok {
			clock[name] = m[i+1]
		} else if out[name] == "" {
			out[name] = m[i+1]
		}
	}
	if t := started(clock); t != "" {
		out["started_at"] = t
	}
	return out
}

// started puts the parts of a point in time together as yyyymmddThhmmss; a day alone tells too little to be the
// start of a call.
func started(clock map[string]string) string {
	for _, name := range []string{"yyyymmddThhmmss", "yyyymmddhhmmss", "yyyymmdd_hhmmss"} {
		if v := clock[name]; v != "" {
			return v[:8] + "T" + v[len(v)-6:]
		}
	}
	day := clock["yyyymmdd"]
	if day == "" {
		day = clock["yyyy"] + clock["mm"] + clock["dd"]
	}
	hour := clock["hhmmss"]
	if hour == "" && clock["hh"] != "" && clock["mi"] != "" {
		hour = clock["hh"] + clock["mi"] + (clock["ss"] + "00")[:2]
	}
	if len(day) != 8 || len(hour) != 6 {
		return ""
	}
	return day + "T" + hour
}
