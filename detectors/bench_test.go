package detectors

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/speechqa/speechqa/lexicon"
)

// The benchmarks look for all phrases of the built-in rules in the same text: the engine's reading (normalisation and
// one pass of the automatons), what a program without one would do, and the whole inspection. Compare MB/s.

// benchText is the development dialogues as one utterance.
func benchText(b *testing.B) string {
	var all strings.Builder
	for _, d := range dialogues(b, "dev.jsonl") {
		for _, u := range d.Utterances {
			all.WriteString(u.Text)
		}
	}
	b.SetBytes(int64(all.Len()))
	b.ReportAllocs()
	return all.String()
}

// readText normalises text into a block whose memory is used again.
func readText(m *mem, text string) *block {
	m.reserve(len(text), 1)
	b := m.block()
	b.append(0, text)
	b.brk = append(b.brk, hardBreak|softBreak)
	m.keep(b)
	return b
}

// byCharacter counts the phrases in a text: normalisation and one pass by character.
func byCharacter(a *automaton, m *mem, text string) (n int) {
	state := int32(0)
	for _, r := range readText(m, text).runes {
		c := uint16(0)
		if uint32(r) < 0x10000 {
			c = a.class[r]
		}
		state = a.step(state, c)
		for o := a.cells[state].out; a.outs[o] >= 0; o++ {
			n++
		}
	}
	return n
}

func BenchmarkPhrasesByCharacter(b *testing.B) {
	e, text, m := engine(b), benchText(b), new(mem)
	for b.Loop() {
		byCharacter(e.matcher, m, text)
	}
}

func BenchmarkPhrasesByCharacterAndSound(b *testing.B) {
	e, text := engine(b), benchText(b)
	s := &scan{e: e, mem: new(mem)}
	for b.Loop() {
		s.mem.begin(e.index)
		s.phrasesIn(readText(s.mem, text))
		s.mem.forget()
	}
}

func BenchmarkInspect(b *testing.B) {
	e := engine(b)
	benchText(b)
	ds := dialogues(b, "dev.jsonl")
	for b.Loop() {
		for _, d := range ds {
			e.Inspect(&d.Conversation)
		}
	}
}

func BenchmarkNaiveContains(b *testing.B) {
	e, text := engine(b), benchText(b)
	for b.Loop() {
		for _, p := range e.comp.terms {
			strings.Contains(text, p.Text)
		}
	}
}

func BenchmarkRegexpAlternation(b *testing.B) {
	e, text := engine(b), benchText(b)
	quoted := make([]string, len(e.comp.terms))
	for i, p := range e.comp.terms {
		quoted[i] = regexp.QuoteMeta(p.Text)
	}
	re := regexp.MustCompile(strings.Join(quoted, "|"))
	for b.Loop() {
		re.FindAllStringIndex(text, -1)
	}
}

// BenchmarkGrowth looks for the same phrases, and for ten times as many: the others are made by replacing a character
// of a phrase by one of another phrase.
func BenchmarkGrowth(b *testing.B) {
	e := engine(b)
	for _, times := range []int{1, 10} {
		terms := append([][]rune{}, e.terms...)
		for k := 1; k < times; k++ {
			for i, t := range e.terms {
				other := e.terms[(i*7+k*131)%len(e.terms)]
				if len(t) > 0 && len(other) > 0 {
					c := append([]rune{}, t...)
					c[(i+k)%len(c)] = other[0]
					terms = append(terms, c)
				}
			}
		}
		a := newAutomaton(terms)
		b.Run(fmt.Sprintf("%d-phrases", len(terms)), func(b *testing.B) {
			text, m := benchText(b), new(mem)
			for b.Loop() {
				byCharacter(a, m, text)
			}
		})
	}
}

// BenchmarkLoad is what a command pays before its first dialogue.
func BenchmarkLoad(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		rs, err := lexicon.LoadFS(lexicon.DefaultFiles())
		if err != nil {
			b.Fatal(err)
		}
		if _, err := New(rs); err != nil {
			b.Fatal(err)
		}
	}
}
