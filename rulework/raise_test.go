package rulework

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A rule that finds something else gets the next number, whether its own file changed or a list, an exception or a
// profile it goes by; what only reads differently keeps its number, and so does what its author has numbered.
func TestRaise(t *testing.T) {
	old := files(t, nil)
	number := func(rule string) string {
		_, rest, _ := strings.Cut(string(old["rules/"+rule+".yaml"]), "version: ")
		n, _, _ := strings.Cut(rest, "\n")
		return strings.TrimSpace(n)
	}
	for name, tc := range map[string]struct {
		change map[string]func(string) string
		want   []string
	}{
		"nothing":     {nil, nil},
		"a comment":   {map[string]func(string) string{"rules/threat.yaml": func(s string) string { return "# 说明\n" + s }}, nil},
		"an example":  {map[string]func(string) string{"rules/threat.yaml": replaced(t, "  pass:\n", "  pass:\n    - 请您按时还款\n")}, nil},
		"a pattern":   {map[string]func(string) string{"rules/threat.yaml": replaced(t, "match:\n", "match:\n  - {name: 新说法, say: [\"[打断腿]\"]}\n")}, []string{"threat"}},
		"the status":  {map[string]func(string) string{"rules/threat.yaml": replaced(t, "status: live", "status: shadow")}, []string{"threat"}},
		"its number":  {map[string]func(string) string{"rules/threat.yaml": func(s string) string { return strings.Replace(s, "version: "+number("threat"), "version: 99", 1) }}, nil},
		"the hours":   {map[string]func(string) string{"hours.yaml": func(s string) string { return s + "# 夏令\n" }}, []string{"outside_hours", "repeated_outside_hours"}},
		"the scoring": {map[string]func(string) string{"scoring.yaml": func(s string) string { return s + "# 说明\n" }}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			now := files(t, tc.change)
			out, raised, err := Raise(old, now, nil)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range raised {
				got = append(got, r.Rule)
				if want := fmt.Sprintf("version: %d\n", r.From+1); r.To != r.From+1 || fmt.Sprint(r.From) != number(r.Rule) || !strings.Contains(string(out["rules/"+r.Rule+".yaml"]), want) {
					t.Errorf("%+v: no %q", r, want)
				}
			}
			for _, rule := range tc.want {
				if !strings.Contains(strings.Join(got, " "), rule) {
					t.Errorf("%s kept its number; raised were %v", rule, got)
				}
			}
			if len(tc.want) == 0 && got != nil {
				t.Errorf("raised %v", got)
			}
			if again, twice, err := Raise(old, out, nil); err != nil || twice != nil || !cmp.Equal(again, out) {
				t.Errorf("again: %v %v", twice, err)
			}
		})
	}
	unreadable := files(t, map[string]func(string) string{"ruleset.yaml": func(string) string { return "nonsense: 1\n" }})
	if out, raised, err := Raise(unreadable, old, nil); err != nil || len(raised) < 20 || NumberOf(out["rules/threat.yaml"]) != NumberOf(old["rules/threat.yaml"])+1 {
		t.Errorf("against what cannot be read: %v %v", raised, err)
	}
	// A word in a list serves every rule that names it, and no other.
	out, raised, err := Raise(old, files(t, map[string]func(string) string{"lists/gang.txt": func(s string) string { return s + "老铁们们\n" }}), map[string]int{"threat": 40})
	if err != nil || len(raised) == 0 || len(raised) > 5 {
		t.Fatalf("a word of a list raises %v, %v", raised, err)
	}
	for _, r := range raised {
		if got := NumberOf(out["rules/"+r.Rule+".yaml"]); got != r.To || (r.To == 41) != (r.Rule == "threat") { // 40 was given to what was rolled back
			t.Errorf("%+v: the file says %d", r, got)
		}
		if r.Rule == "missing_closing" || cmp.Equal(out["rules/"+r.Rule+".yaml"], old["rules/"+r.Rule+".yaml"]) {
			t.Errorf("%+v", r)
		}
	}
}
