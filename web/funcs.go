package web

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/speechqa/speechqa/detectors"
)

// funcs are what the templates of one language may call.
func (c *Console) funcs(l Lang) template.FuncMap {
	return template.FuncMap{
		"t":         func(key string, args ...any) string { return c.messages.text(l, key, args...) },
		"asset":     c.assets.url,
		"rule":      func(id string) string { return c.rules.Title(id, string(l)) },
		"clauses":   c.rules.Clauses,
		"date":      func(t time.Time) string { return c.date(l, t) },
		"day":       func(t time.Time) string { return t.In(c.loc).Format(time.DateOnly) },
		"minutes":   minutesClock,
		"ruleerror": func(msg string) string { return c.ruleError(l, msg) },
		"rulefile":  func(file string) string { return c.ruleFile(l, file) },
		"ruleplace": func(place string) string { return c.rulePlace(l, place) },
		"moment":    func(t time.Time) string { return t.In(c.loc).Format("2006-01-02 15:04:05") },
		"iso":       func(t time.Time) string { return t.In(c.loc).Format(time.RFC3339) },
		"clock":     clock,
		"clean":     clean,
		"short":     short,
		"band":      scoreBand,
		"pct":       func(f float64) string { return fmt.Sprintf("%.0f%%", 100*f) },
		"tail":      phoneTail,
		"lag":       lagName,
		"ago":       func(d time.Duration) string { return c.ago(l, d) },
		"percent":   func(f float64) float64 { return 100 * f },
		"since":     func(t time.Time) time.Duration { return time.Since(t) },
		"times":     func(n, share float64) string { return fmt.Sprintf("%.1f", n*share) },
		"add":       func(a, b int) int { return a + b },
		"subf":      func(a, b float64) float64 { return a - b },
		"seconds":   func(f float64) string { return strconv.FormatFloat(f, 'f', 2, 64) },
		"sub":       func(a, b int) int { return a - b },
		"join":      strings.Join,
		"dict":      dict,
		"figures":   func(page string) bool { return page == "agent" || slices.Contains(figurePages, page) },
		"string":    func(v any) string { return fmt.Sprint(v) },
	}
}

// date is a moment in the console's zone, as the language writes it; a dash for none.
func (c *Console) date(l Lang, t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	if l == English {
		return t.In(c.loc).Format("2 Jan 2006 15:04")
	}
	return t.In(c.loc).Format("2006-01-02 15:04")
}

// clock writes seconds as m:ss or h:mm:ss.
func clock(seconds float64) string {
	if math.IsNaN(seconds) || seconds < 0 {
		seconds = 0
	}
	s := int(seconds)
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// clean makes text from outside harmless to its surroundings: control characters and the bidirectional
// overrides that could turn the rest of a line around become visible stand-ins.
func clean(s string) string {
	if utf8.ValidString(s) && strings.IndexFunc(s, isHostile) < 0 {
		return s
	}
	return strings.Map(func(r rune) rune {
		if isHostile(r) {
			return '�'
		}
		return r
	}, strings.ToValidUTF8(s, "�"))
}

func isHostile(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return false
	case r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069, r == 0x200E, r == 0x200F, r == 0x061C:
		return true
	}
	return unicode.IsControl(r)
}

// short cuts text to n characters for places that have no room for more; the whole text goes into a title.
func short(n int, s string) string {
	s = clean(s)
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n]) + "…"
}

// scoreBand names a score's colour: good from 90, fair from 75, poor from 60, else bad.
func scoreBand(score int) string {
	switch {
	case score >= 90:
		return "good"
	case score >= 75:
		return "fair"
	case score >= 60:
		return "poor"
	}
	return "bad"
}

// phoneTail shows only the last four characters of a number.
func phoneTail(phone string) string {
	r := []rune(clean(phone))
	if len(r) <= 4 {
		return string(r)
	}
	return "···" + string(r[len(r)-4:])
}

// dict builds the argument of a shared template from key, value pairs.
func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, fmt.Errorf("dict: odd number of arguments")
	}
	m := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		k, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: key %v is no string", pairs[i])
		}
		m[k] = pairs[i+1]
	}
	return m, nil
}

// severities orders severities from worst to mildest.
var severities = []detectors.Severity{
	detectors.SeverityCritical, detectors.SeverityMajor, detectors.SeverityMinor, detectors.SeverityInfo,
}
