package lexicon

import (
	"fmt"
	"path"
	"strings"
)

// List is a word list: one phrase per line.
type List struct {
	Name string
	File string
	Set  *Set
}

func (l *loader) lists() {
	for _, file := range l.names("lists") {
		l.list(strings.TrimSuffix(path.Base(file), ".txt"))
	}
}

// list reads a list and, first, the lists it includes.
func (l *loader) list(name string) (*Set, error) {
	file := "lists/" + name + ".txt"
	r := l.nodes(file)
	switch l.listState[name] {
	case 1:
		return nil, fmt.Errorf("the list @%s includes itself (through other lists)", name)
	case 2:
		return l.sets[name], nil
	}
	data, ok := l.files[file]
	if !ok {
		return nil, fmt.Errorf("no list @%s (there is no %s)%s", name, file, suggest(name, l.listNames()))
	}
	for i := range len(name) {
		if !isListChar(name[i]) {
			r.errorf(1, "a list's file name may hold only a-z, 0-9 and _")
			break
		}
	}
	l.listState[name] = 1
	set := &Set{Name: "@" + name}
	resolve := func(kind, other string) (*Set, error) {
		if kind != "list" {
			return nil, fmt.Errorf("a list can include only lists (@name), not sets")
		}
		return l.list(other)
	}
	seen := map[string]int{}
	for i, line := range strings.Split(string(data), "\n") {
		if at := strings.Index(line, "#"); at >= 0 {
			line = line[:at]
		}
		line = strings.TrimSpace(strings.TrimPrefix(line, "\ufeff"))
		if line == "" {
			continue
		}
		if first, ok := seen[line]; ok {
			r.errorf(i+1, "%q is already in line %d", line, first)
			continue
		}
		seen[line] = i + 1
		if err := addToSet(set, line, file, i+1, resolve); err != nil {
			r.errorf(i+1, "%v", err)
		}
	}
	if len(set.Phrases)+len(set.Entities)+len(set.Regexes) == 0 {
		r.errorf(1, "the list is empty")
	}
	l.listState[name] = 2
	l.sets[name] = set
	l.rs.Lists[name] = &List{Name: name, File: file, Set: set}
	return set, nil
}

func (l *loader) listNames() []string {
	var out []string
	for _, f := range l.names("lists") {
		out = append(out, strings.TrimSuffix(path.Base(f), ".txt"))
	}
	return out
}
