package rulework

import (
	"bytes"
	"maps"
	"path"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Change is one thing that differs between two rulesets, for people: what, where, and the words.
type Change struct {
	File    string   // lists/gang.txt
	Code    string   // see the constants
	Place   string   // within the file: an alternative's, set's or exception's name, a key
	Old     string   // of a value
	New     string   // of a value
	Added   []string // words, patterns or examples
	Removed []string
}

// Codes of changes.
const (
	ChangeFileAdded   = "file_added"
	ChangeFileRemoved = "file_removed"
	ChangeWords       = "words"      // of a list or a set
	ChangeValue       = "value"      // one value for another
	ChangeFlag        = "flag"       // examples to be flagged
	ChangePass        = "pass"       // examples to pass
	ChangeNamedAdded  = "added"      // an alternative, exception or other named part
	ChangeNamedGone   = "removed"    //
	ChangePatterns    = "patterns"   // of a named part
	ChangeModel       = "model"      // the weights of the statistical layer
	ChangeForm        = "form"       // only comments or layout
	ChangeUnreadable  = "unreadable" // one of the two is no YAML: compare the lines
)

// Diff tells what differs between the files of two rulesets, in the order of the files.
func Diff(old, now map[string][]byte) []Change {
	var out []Change
	names := maps.Clone(old)
	maps.Copy(names, now)
	for _, file := range slices.Sorted(maps.Keys(names)) {
		a, had := old[file]
		b, has := now[file]
		switch {
		case had && has && bytes.Equal(a, b):
		case !had:
			out = append(out, Change{File: file, Code: ChangeFileAdded})
		case !has:
			out = append(out, Change{File: file, Code: ChangeFileRemoved})
		case file == "model.txt":
			out = append(out, Change{File: file, Code: ChangeModel})
		default:
			found := diffFile(file, a, b)
			if len(found) == 0 {
				found = []Change{{Code: ChangeForm}}
			}
			for _, c := range found {
				c.File = file
				out = append(out, c)
			}
		}
	}
	return out
}

func diffFile(file string, a, b []byte) []Change {
	if path.Ext(file) == ".txt" {
		return diffWords("", listLines(a), listLines(b))
	}
	var x, y any
	if yaml.Unmarshal(a, &x) != nil || yaml.Unmarshal(b, &y) != nil {
		return []Change{{Code: ChangeUnreadable}}
	}
	var out []Change
	diffNode("", x, y, &out)
	return out
}

// listLines are the phrases of a word list.
func listLines(b []byte) []string {
	var out []string
	for line := range strings.Lines(string(b)) {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out
}

func diffWords(place string, a, b []string) []Change {
	added, removed := minus(b, a), minus(a, b)
	if len(added)+len(removed) == 0 {
		return nil
	}
	return []Change{{Code: ChangeWords, Place: place, Added: added, Removed: removed}}
}

// minus are the members of a that b has not.
func minus(a, b []string) []string {
	var out []string
	for _, s := range a {
		if !slices.Contains(b, s) {
			out = append(out, s)
		}
	}
	return out
}

// diffNode compares two YAML values at a place such as match.带人上门.confidence.
func diffNode(place string, a, b any, out *[]Change) {
	switch x := a.(type) {
	case map[string]any:
		if y, ok := b.(map[string]any); ok {
			diffMap(place, x, y, out)
			return
		}
	case []any:
		if y, ok := b.([]any); ok {
			diffList(place, x, y, out)
			return
		}
	}
	if s, t := flat(a), flat(b); s != t {
		*out = append(*out, Change{Code: ChangeValue, Place: place, Old: s, New: t})
	}
}

func diffMap(place string, a, b map[string]any, out *[]Change) {
	keys := maps.Clone(a)
	maps.Copy(keys, b)
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		x, had := a[k]
		y, has := b[k]
		at := under(place, k)
		_, listX := x.([]any)
		_, listY := y.([]any)
		if (listX || !had) && (listY || !has) { // a list that is new or gone is read as an empty one
			xs, _ := x.([]any)
			ys, _ := y.([]any)
			diffList(at, xs, ys, out)
			continue
		}
		diffNode(at, x, y, out)
	}
}

// diffList compares named parts by their names, and everything else as words.
func diffList(place string, a, b []any, out *[]Change) {
	if named(a) && named(b) && len(a)+len(b) > 0 {
		diffNamed(place, a, b, out)
		return
	}
	for _, c := range diffWords(place, flats(a), flats(b)) {
		switch {
		case place == "examples.flag":
			c.Code = ChangeFlag
		case place == "examples.pass":
			c.Code = ChangePass
		case strings.HasPrefix(place, "sets."):
		default:
			c.Code = ChangePatterns
		}
		*out = append(*out, c)
	}
}

func diffNamed(place string, a, b []any, out *[]Change) {
	x, y := byName(a), byName(b)
	keys := maps.Clone(x)
	maps.Copy(keys, y)
	for _, name := range slices.Sorted(maps.Keys(keys)) {
		at := under(place, name)
		switch {
		case x[name] == nil:
			*out = append(*out, Change{Code: ChangeNamedAdded, Place: at, New: flat(y[name])})
		case y[name] == nil:
			*out = append(*out, Change{Code: ChangeNamedGone, Place: at, Old: flat(x[name])})
		default:
			diffNode(at, x[name], y[name], out)
		}
	}
}

func under(place, key string) string {
	if place == "" {
		return key
	}
	return place + "." + key
}

// named says whether a list holds parts with names, of which those given by name alone (unless: [否定]) are some.
func named(list []any) bool {
	some := len(list) == 0
	for _, v := range list {
		switch x := v.(type) {
		case map[string]any:
			if _, ok := x["name"].(string); !ok {
				return false
			}
			some = true
		case string:
		default:
			return false
		}
	}
	return some
}

func byName(list []any) map[string]any {
	out := map[string]any{}
	for _, v := range list {
		switch x := v.(type) {
		case map[string]any:
			name := x["name"].(string) // named has seen it
			if _, twice := out[name]; twice {
				name += " (2)"
			}
			out[name] = x
		case string:
			out[x] = x
		}
	}
	return out
}

func flats(list []any) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = flat(v)
	}
	return out
}

// flat writes a value in one line.
func flat(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case string:
		return x
	}
	var n yaml.Node
	if err := n.Encode(v); err != nil {
		return ""
	}
	n.Style = yaml.FlowStyle
	b, err := yaml.Marshal(&n)
	if err != nil {
		return ""
	}
	return strings.Join(strings.Fields(string(b)), " ")
}

// Line is one line of a comparison of two files: kept, added (+) or removed (-).
type Line struct {
	Sign byte // ' ', '+' or '-'
	Text string
}

// around is how many kept lines stand around a changed one.
const around = 2

// Lines compares two texts line by line and returns the changed lines with a little around them; a line with the sign
// '@' stands for what is left out.
func Lines(old, now string) []Line {
	a, b := splitLines(old), splitLines(now)
	all := compareLines(a, b)
	keep := make([]bool, len(all))
	for i, l := range all {
		if l.Sign == ' ' {
			continue
		}
		for k := max(0, i-around); k <= min(len(all)-1, i+around); k++ {
			keep[k] = true
		}
	}
	var out []Line
	for i, l := range all {
		switch {
		case keep[i]:
			out = append(out, l)
		case i == 0 || keep[i-1]:
			out = append(out, Line{Sign: '@'})
		}
	}
	return out
}

func splitLines(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(s, "\n"), "\n")
}

// tooMany lines are not compared one by one: the memory grows with the product.
const tooMany = 3000

// compareLines is the longest common subsequence, after what is the same at both ends.
func compareLines(a, b []string) []Line {
	var head, tail []Line
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		head = append(head, Line{' ', a[0]})
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		tail = append(tail, Line{' ', a[len(a)-1]})
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	slices.Reverse(tail)
	if max(len(a), len(b)) > tooMany {
		for _, s := range a {
			head = append(head, Line{'-', s})
		}
		for _, s := range b {
			head = append(head, Line{'+', s})
		}
		return append(head, tail...)
	}
	n := make([][]int32, len(a)+1)
	for i := range n {
		n[i] = make([]int32, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for k := len(b) - 1; k >= 0; k-- {
			if a[i] == b[k] {
				n[i][k] = n[i+1][k+1] + 1
			} else {
				n[i][k] = max(n[i+1][k], n[i][k+1])
			}
		}
	}
	i, k := 0, 0
	for i < len(a) || k < len(b) {
		switch {
		case i < len(a) && k < len(b) && a[i] == b[k]:
			head = append(head, Line{' ', a[i]})
			i, k = i+1, k+1
		case k == len(b) || i < len(a) && n[i+1][k] >= n[i][k+1]:
			head = append(head, Line{'-', a[i]})
			i++
		default:
			head = append(head, Line{'+', b[k]})
			k++
		}
	}
	return append(head, tail...)
}
