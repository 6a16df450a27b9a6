package detectors

import (
	"regexp"
	"strings"
	"testing"
)

// The benchmarks look for the same phrases in the same text: the engine with everything it does, the phrase automatons
// alone, and what a program without one would do. Compare MB/s.

func benchText(b *testing.B) ([]*Dialogue, string) {
	ds := dialogues(b, "dev.jsonl")
	var all strings.Builder
	for _, d := range ds {
		for _, u := range d.Utterances {
			all.WriteString(u.Text)
		}
	}
	b.SetBytes(int64(all.Len()))
	b.ReportAllocs()
	return ds, all.String()
}

func BenchmarkInspect(b *testing.B) {
	e := engine(b)
	ds, _ := benchText(b)
	for b.Loop() {
		for _, d := range ds {
			e.Inspect(&d.Conversation)
		}
	}
}

func BenchmarkPhrasesByCharacter(b *testing.B) {
	e := engine(b)
	_, text := benchText(b)
	rs := fold(text)
	n := 0
	for b.Loop() {
		e.matcher.find(rs, func(int32, int32, int32) { n++ })
	}
}

func BenchmarkNaiveContains(b *testing.B) {
	e := engine(b)
	_, text := benchText(b)
	n := 0
	for b.Loop() {
		for _, p := range e.comp.terms {
			n += strings.Count(text, p.Text)
		}
	}
}

func BenchmarkRegexpAlternation(b *testing.B) {
	e := engine(b)
	_, text := benchText(b)
	quoted := make([]string, len(e.comp.terms))
	for i, p := range e.comp.terms {
		quoted[i] = regexp.QuoteMeta(p.Text)
	}
	re := regexp.MustCompile(strings.Join(quoted, "|"))
	for b.Loop() {
		re.FindAllStringIndex(text, -1)
	}
}
