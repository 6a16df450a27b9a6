package rulework

import (
	"errors"
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// Kinds of examples.
const (
	ExampleFlag = "flag"
	ExamplePass = "pass"
)

// AddExample adds an example to a rule's file as the first of its kind, and leaves everything else byte for byte. The
// quote is marked with 「」 in a flag example, where the text holds it.
func AddExample(file []byte, kind, text, quote string) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(file, &doc); err != nil {
		return nil, fmt.Errorf("the rule is no YAML: %w", err)
	}
	list := child(child(&doc, "examples"), kind)
	if list == nil || list.Kind != yaml.SequenceNode || len(list.Content) == 0 || list.Style&yaml.FlowStyle != 0 {
		return nil, errors.New("the rule has no list of such examples, one a line, to add to")
	}
	if kind == ExampleFlag && quote != "" && !strings.ContainsAny(text, "「」") {
		text = strings.Replace(text, quote, "「"+quote+"」", 1)
	}
	quoted, err := yaml.Marshal(&yaml.Node{Kind: yaml.ScalarNode, Value: strings.Join(strings.Fields(text), " "), Style: yaml.DoubleQuotedStyle})
	if err != nil {
		return nil, err
	}
	line := list.Content[0].Line - 1 // from 0
	lines := strings.SplitAfter(string(file), "\n")
	first := lines[line]
	dash := strings.Index(first, "-")
	if dash < 0 {
		return nil, fmt.Errorf("line %d does not begin an example", line+1)
	}
	added := first[:dash] + "- " + strings.TrimSpace(string(quoted)) + "\n"
	return []byte(strings.Join(lines[:line], "") + added + strings.Join(lines[line:], "")), nil
}

// child is the value of a key, through the document's node.
func child(n *yaml.Node, key string) *yaml.Node {
	if n != nil && n.Kind == yaml.DocumentNode && len(n.Content) > 0 {
		n = n.Content[0]
	}
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}
