package lexicon

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
)

// Behaviour is a hash of everything in a rule that decides what it finds: the phrases of the lists it names and the
// exceptions it shares with others are in it; its number, its titles, its examples and where they stand in files are not.
// Two rules with the same behaviour find the same, given the same listener, hours, frequency profiles and model.
func (r *Rule) Behaviour() string {
	h := sha256.New()
	c := *r
	c.Version, c.Title, c.About, c.Basis, c.Flag, c.Pass = 0, nil, "", nil, nil, nil
	writeValue(h, reflect.ValueOf(c))
	return hex.EncodeToString(h.Sum(nil))
}

// Behaviour is a hash of what a model says of a rule; "" where it says nothing.
func (m *Model) Behaviour(rule string) string {
	if m == nil {
		return ""
	}
	at := slices.Index(m.Rules, rule)
	if at < 0 {
		return ""
	}
	lines := make([]string, 0, m.Rows())
	for row := range int32(m.Rows()) {
		if w := m.Weights(row)[at]; w != 0 {
			lines = append(lines, fmt.Sprintf("%s %g", m.Name(row), w))
		}
	}
	slices.Sort(lines)
	h := sha256.New()
	fmt.Fprintln(h, m.Bias[at])
	for _, l := range lines {
		fmt.Fprintln(h, l)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// placeFields say where something is written, and not what.
var placeFields = []string{"File", "Line", "LineNo"}

// writeValue writes a value with all it points to, in one way only: lengths before lists, maps in the order of their keys.
func writeValue(w io.Writer, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			io.WriteString(w, "nil;")
			return
		}
		if re, ok := v.Interface().(*regexp.Regexp); ok {
			fmt.Fprintf(w, "%q;", re.String())
			return
		}
		writeValue(w, v.Elem())
	case reflect.Struct:
		t := v.Type()
		for i := range t.NumField() {
			if name := t.Field(i).Name; !slices.Contains(placeFields, name) {
				fmt.Fprintf(w, "%s:", name)
				writeValue(w, v.Field(i))
			}
		}
	case reflect.Slice, reflect.Array:
		fmt.Fprintf(w, "%d[", v.Len())
		for i := range v.Len() {
			writeValue(w, v.Index(i))
		}
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int {
			return slices.Compare([]byte(fmt.Sprint(a)), []byte(fmt.Sprint(b)))
		})
		fmt.Fprintf(w, "%d{", len(keys))
		for _, k := range keys {
			fmt.Fprintf(w, "%q=", fmt.Sprint(k))
			writeValue(w, v.MapIndex(k))
		}
	case reflect.Interface:
		if v.IsNil() {
			io.WriteString(w, "nil;")
			return
		}
		writeValue(w, v.Elem())
	default:
		fmt.Fprintf(w, "%#v;", v)
	}
}
