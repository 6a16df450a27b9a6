package web

import (
	"path"
	"strings"
)

// ruleFile names a ruleset's file for people: a rule by its title, a list by its name.
func (c *Console) ruleFile(l Lang, file string) string {
	name := strings.TrimSuffix(path.Base(file), path.Ext(file))
	switch path.Dir(file) {
	case "rules":
		return c.rules.Title(name, string(l))
	case "lists":
		return c.messages.text(l, "rules.part.list", name)
	}
	if key := "rules.part." + name; c.messages.has(l, key) {
		return c.messages.text(l, key)
	}
	return file
}

// rulePlace says where in a file something stands: the parts that every rule has in the language, names as they are.
func (c *Console) rulePlace(l Lang, place string) string {
	parts := strings.Split(place, ".")
	for i, p := range parts {
		parts[i] = c.rules.Title(p, string(l)) // of a rule that scoring or a profile names; else as it is
		if key := "rules.part." + p; c.messages.has(l, key) {
			parts[i] = c.messages.text(l, key)
		}
	}
	return strings.Join(parts, " › ")
}
