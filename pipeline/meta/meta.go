// Package meta finds out what a recording is about: who called whom, when and for which case.
//
// Four places may tell. In order of precedence: tags and user metadata of the object itself, a JSON file beside it
// (same key with .json), the dialer's manifest, and the object's key. Where they contradict each other the earlier
// one counts and the contradiction is noted.
package meta

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/speechqa/speechqa/detectors"
)

// Sources are the places that may tell about one recording; each may be empty.
type Sources struct {
	Object   map[string]string // tags and user metadata of the object
	Sidecar  []byte            // content of the JSON file beside the object
	Manifest map[string]string // the recording's row in the dialer's manifest, see Manifest.Row
	Key      string            // the object's key
}

// Resolved is what the sources say together.
type Resolved struct {
	Kind     detectors.Kind
	Metadata detectors.Metadata
	Notes    []string // Chinese sentences about contradictions and about values that make no sense
}

// Resolver puts sources together. It is safe for concurrent use.
type Resolver struct {
	Pattern     *Pattern       // how keys are built; nil: keys tell nothing
	Location    *time.Location // of times without a zone; nil: China standard time
	DefaultKind detectors.Kind // where nothing tells; "": call
}

// chinaTime needs no time zone database: China has had no summer time since 1991.
var chinaTime = time.FixedZone("CST", 8*60*60)

// told is what one source says, by canonical field.
type told struct {
	name   string // of the source, Chinese
	values map[string]string
}

// Resolve puts the sources together.
func (r *Resolver) Resolve(s Sources) Resolved {
	var out Resolved
	sidecar, err := readSidecar(s.Sidecar)
	if err != nil {
		out.Notes = append(out.Notes, err.Error())
	}
	sources := []told{
		{"对象标签", canonical(s.Object)},
		{"旁注文件", canonical(sidecar)},
		{"清单", canonical(s.Manifest)},
		{"文件名", canonical(r.Pattern.match(s.Key))},
	}
	for _, f := range fields {
		r.resolveField(&out, f, sources)
	}
	for _, src := range slices.Backward(sources) { // the most trusted last, so that it overwrites
		for k, v := range src.values {
			if !isField(k) && v != "" {
				if out.Metadata.Extra == nil {
					out.Metadata.Extra = map[string]string{}
				}
				out.Metadata.Extra[k] = v
			}
		}
	}
	if out.Kind == "" {
		out.Kind = r.DefaultKind
		if out.Kind == "" {
			out.Kind = detectors.KindCall
		}
	}
	return out
}

// resolveField takes a field from the first source that has a sensible value and notes who contradicts.
func (r *Resolver) resolveField(out *Resolved, f field, sources []told) {
	var from, chosen string
	for _, s := range sources {
		raw, ok := s.values[f.name]
		if raw = strings.TrimSpace(raw); !ok || raw == "" {
			continue
		}
		value, err := f.read(r, raw)
		switch {
		case err != nil:
			out.Notes = append(out.Notes, fmt.Sprintf("%s“%s”(来自%s)无法识别,未采用", f.title, raw, s.name))
		case from == "":
			from, chosen = s.name, value
			f.set(r, out, value)
		case value != chosen:
			out.Notes = append(out.Notes, fmt.Sprintf("%s不一致:%s为“%s”,%s为“%s”,采用%s", f.title, from, chosen, s.name, value, from))
		}
	}
}

// canonical renames a source's keys to the fields they mean; other keys stay as they are, in lower case.
func canonical(in map[string]string) map[string]string {
	out := make(map[string]string, len(in))
	for _, k := range slices.Sorted(maps.Keys(in)) {
		v := in[k]
		name := fieldName(k)
		// Where two keys mean the same field the first in alphabetical order that has a value counts.
		if out[name] == "" {
			out[name] = v
		}
	}
	// In file names "callee" is usually the number called.
	if v := out["callee"]; v != "" && isPhone(v) {
		delete(out, "callee")
		if out["phone"] == "" {
			out["phone"] = v
		}
	}
	return out
}
