package lexicon

import (
	"fmt"
	"strconv"

	"gopkg.in/yaml.v3"
)

// nodes reads YAML nodes strictly and gathers every error with its place.
type nodes struct {
	file string
	errs *LoadErrors
}

func (r nodes) errorf(line int, format string, args ...any) {
	*r.errs = append(*r.errs, LoadError{File: r.file, Line: line, Msg: fmt.Sprintf(format, args...)})
}

// parse returns the root node of a YAML document, or nil after reporting why not.
func (r nodes) parse(data []byte) *yaml.Node {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		line := 1
		if _, e := fmt.Sscanf(err.Error(), "yaml: line %d:", &line); e != nil {
			line = 1
		}
		r.errorf(line, "not valid YAML: %v", err)
		return nil
	}
	if len(doc.Content) == 0 {
		r.errorf(1, "the file is empty")
		return nil
	}
	return doc.Content[0]
}

// object returns the values of a mapping by key; unknown and doubled keys are errors. A nil allowed list takes any key.
func (r nodes) object(n *yaml.Node, what string, allowed ...string) map[string]*yaml.Node {
	if n.Kind == yaml.AliasNode {
		r.errorf(n.Line, "%s: YAML aliases are not supported", what)
		return nil
	}
	if n.Kind != yaml.MappingNode {
		r.errorf(n.Line, "%s must be a mapping (key: value)", what)
		return nil
	}
	out := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		known := len(allowed) == 0
		for _, a := range allowed {
			known = known || a == k.Value
		}
		switch {
		case !known:
			r.errorf(k.Line, "unknown key %q in %s%s", k.Value, what, suggest(k.Value, allowed))
		case out[k.Value] != nil:
			r.errorf(k.Line, "key %q is there twice", k.Value)
		default:
			out[k.Value] = v
		}
	}
	return out
}

func (r nodes) str(n *yaml.Node, what string) string {
	if n == nil {
		return ""
	}
	if n.Kind != yaml.ScalarNode {
		r.errorf(n.Line, "%s must be text", what)
		return ""
	}
	return n.Value
}

func (r nodes) enum(n *yaml.Node, what, fallback string, allowed ...string) string {
	if n == nil {
		return fallback
	}
	s := r.str(n, what)
	for _, a := range allowed {
		if a == s {
			return s
		}
	}
	r.errorf(n.Line, "%s cannot be %q%s; one of %v", what, s, suggest(s, allowed), allowed)
	return fallback
}

func (r nodes) integer(n *yaml.Node, what string, fallback int) int {
	if n == nil {
		return fallback
	}
	v, err := strconv.Atoi(r.str(n, what))
	if err != nil || v < 0 {
		r.errorf(n.Line, "%s must be a whole number of 0 or more, not %q", what, n.Value)
		return fallback
	}
	return v
}

func (r nodes) number(n *yaml.Node, what string, fallback float64) float64 {
	if n == nil {
		return fallback
	}
	v, err := strconv.ParseFloat(r.str(n, what), 64)
	if err != nil {
		r.errorf(n.Line, "%s must be a number, not %q", what, n.Value)
		return fallback
	}
	return v
}

func (r nodes) boolean(n *yaml.Node, what string, fallback bool) bool {
	if n == nil {
		return fallback
	}
	switch r.str(n, what) {
	case "true":
		return true
	case "false":
		return false
	}
	r.errorf(n.Line, "%s must be true or false, not %q", what, n.Value)
	return fallback
}

// list returns the items of a sequence; a lone value counts as a list of one.
func (r nodes) list(n *yaml.Node, what string) []*yaml.Node {
	if n == nil {
		return nil
	}
	switch n.Kind {
	case yaml.SequenceNode:
		return n.Content
	case yaml.AliasNode:
		r.errorf(n.Line, "%s: YAML aliases are not supported", what)
		return nil
	}
	return []*yaml.Node{n}
}

func (r nodes) strs(n *yaml.Node, what string) []string {
	var out []string
	for _, c := range r.list(n, what) {
		out = append(out, r.str(c, what))
	}
	return out
}

func (r nodes) enums(n *yaml.Node, what string, allowed ...string) []string {
	var out []string
	for _, c := range r.list(n, what) {
		if s := r.enum(c, what, "", allowed...); s != "" {
			out = append(out, s)
		}
	}
	return out
}
