package web

import (
	"cmp"
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

//go:embed ruleerrors.yaml
var ruleErrorFile []byte

// ruleErrors say in Chinese what lexicon and detectors say of wrong rules.
type ruleErrors []ruleErrorWords

// ruleErrorWords is one English format as an expression that finds its parts, and the Chinese with their places.
type ruleErrorWords struct {
	english *regexp.Regexp
	chinese string
	literal int // length of what is not a part: the format that says most is the one that is meant
}

var (
	formatVerb = regexp.MustCompile(`%[a-z]`)
	partPlace  = regexp.MustCompile(`\{(\d)\}`)
	suggestion = regexp.MustCompile(`^, did you mean (".*")\?$`)
)

// quotedPart is how %q writes a text or a character.
const quotedPart = `("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)+')`

func loadRuleErrors(file []byte) (ruleErrors, error) {
	var words map[string]string
	if err := yaml.Unmarshal(file, &words); err != nil {
		return nil, fmt.Errorf("ruleerrors.yaml: %w", err)
	}
	var out ruleErrors
	for english, chinese := range words {
		verbs, at := formatVerb.FindAllStringIndex(english, -1), 0
		expression := `(?s)^`
		for _, v := range verbs {
			part := `(.*?)`
			switch verb := english[v[0]:v[1]]; {
			case verb == "%q":
				part = quotedPart
			case verb == "%d":
				part = `(\d+)`
			case v[0] == at && at > 0: // right behind another part only a suggestion stands
				part = `((?:, did you mean ".*"\?)?)`
			}
			expression += regexp.QuoteMeta(english[at:v[0]]) + part
			at = v[1]
		}
		for _, place := range partPlace.FindAllStringSubmatch(chinese, -1) {
			if n := int(place[1][0] - '0'); n < 1 || n > len(verbs) {
				return nil, fmt.Errorf("ruleerrors.yaml: %q has no part %s", english, place[0])
			}
		}
		re, err := regexp.Compile(expression + regexp.QuoteMeta(english[at:]) + `$`)
		if err != nil {
			return nil, fmt.Errorf("ruleerrors.yaml: %q: %w", english, err)
		}
		out = append(out, ruleErrorWords{re, chinese, len(english) - 2*len(verbs)})
	}
	slices.SortFunc(out, func(a, b ruleErrorWords) int {
		return cmp.Or(cmp.Compare(b.literal, a.literal), cmp.Compare(a.english.String(), b.english.String()))
	})
	return out, nil
}

// say is a message in Chinese; as it is where no format fits.
func (es ruleErrors) say(msg string) string {
	if said, ok := es.find(msg); ok {
		return said
	}
	return msg
}

func (es ruleErrors) find(msg string) (string, bool) {
	for _, e := range es {
		parts := e.english.FindStringSubmatch(msg)
		if parts == nil {
			continue
		}
		return partPlace.ReplaceAllStringFunc(e.chinese, func(place string) string {
			part := parts[int(place[1]-'0')]
			if s := suggestion.FindStringSubmatch(part); s != nil {
				return "，是不是 " + s[1] + "？"
			}
			return es.say(part) // one error may hold another
		}), true
	}
	return "", false
}

// ruleError says in a language what is wrong with a ruleset. What begins with a rule's id names the rule.
func (c *Console) ruleError(l Lang, msg string) string {
	if l != Chinese {
		return msg
	}
	if rule, rest, ok := strings.Cut(msg, ": "); ok && c.rules.Title(rule, string(l)) != rule {
		if said, ok := c.ruleErrors.find(rest); ok {
			return c.rules.Title(rule, string(l)) + "：" + said
		}
	}
	return c.ruleErrors.say(msg)
}
