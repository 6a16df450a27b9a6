package web

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// Every format in which lexicon and detectors say what is wrong with a rule has its Chinese.
func TestRuleErrorsInChinese(t *testing.T) {
	var have map[string]string
	if err := yaml.Unmarshal(ruleErrorFile, &have); err != nil {
		t.Fatal(err)
	}
	formats := map[string]bool{}
	for file, calls := range map[string][]string{
		"../lexicon/*.go":                  {"errorf"},
		"../lexicon/load_lists.go":         {"errorf", "Errorf"},
		"../lexicon/load_model.go":         {"errorf", "Errorf"},
		"../lexicon/feature.go":            {"Errorf"},
		"../lexicon/rule_pattern.go":       {"Errorf"},
		"../lexicon/load_rule.go":          {"errorf", "Errorf"},
		"../detectors/examples.go":         {"Sprintf"},
		"../detectors/example_contacts.go": {"Sprintf"},
	} {
		names, err := filepath.Glob(file)
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %v", file, err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(parsed, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				f, ok := call.Fun.(*ast.SelectorExpr)
				if !ok || !slices.Contains(calls, f.Sel.Name) {
					return true
				}
				for _, a := range call.Args {
					if s, ok := a.(*ast.BasicLit); ok && s.Kind == token.STRING {
						if text, err := strconv.Unquote(s.Value); err == nil && strings.ContainsAny(regexp.MustCompile(`%\d*[a-z]`).ReplaceAllString(text, ""), "abcdefghijklmnopqrstuvwxyz") {
							formats[text] = true
							break
						}
					}
				}
				return true
			})
		}
	}
	for f := range formats {
		if have[f] == "" {
			t.Errorf("no Chinese for %q", f)
		}
	}
}

// Parts find their places, also errors within errors, suggestions, and the rule that an example belongs to.
func TestRuleErrorParts(t *testing.T) {
	c := newPages(t)
	for msg, want := range map[string]string{
		`severity cannot be "awful"; one of [info minor major critical]`:                        `severity 不能是 "awful"；可以是 [info minor major critical]`,
		`severity cannot be "mayor", did you mean "major"?; one of [info minor major critical]`: `severity 不能是 "mayor"，是不是 "major"？；可以是 [info minor major critical]`,
		`say: "[坐牢": '[' is never closed with ']'`:                                              `say："[坐牢"：'[' 没有用 ']' 结束`,
		`say: "[@jial]": no list @jial (there is no lists/jial.txt), did you mean "jail"?`:      `say："[@jial]"：没有词表 @jial（没有文件 lists/jial.txt），是不是 "jail"？`,
		`unknown key "sevrity" in rule, did you mean "severity"?`:                               `rule 里没有 "sevrity" 这一项，是不是 "severity"？`,
		`say: "{等等}": no set {等等} in this file`:                                                 `say："{等等}"：这个文件里没有词组 {等等}`,
		`threat: should be flagged, but no pattern matches 「你好: 坐牢」`:                            c.rules.Title("threat", "zh") + `：应命中，但没有句式匹配「你好: 坐牢」`,
		`something nobody has translated`:                                                       `something nobody has translated`,
	} {
		if got := c.ruleError(Chinese, msg); got != want {
			t.Errorf("%s\n says %s\nwant %s", msg, got, want)
		}
		if got := c.ruleError(English, msg); got != msg {
			t.Errorf("in English %q has become %q", msg, got)
		}
	}
}
