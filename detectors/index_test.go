package detectors

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/speechqa/speechqa/lexicon"
)

// oddRule asks for what the built-in rules don't: regular expressions, entities beside phrases and blockers in one set, a
// set that stands twice in another.
const oddRule = `id: odd
version: 1
status: live
kind: phrase
title: {zh: 怪, en: Odd}
about: 试
severity: minor
speaker: any
sets:
  数: ["<amount>", "<number>", "<number>", "<date>", "@odd", "!五块", "!还钱给我"]
match:
  - {name: 正则, say: ["/[还换](钱|款)+/..6@odd", "/你.{1,4}家/", "@odd..3/[一-龥]{2}的/?..2{数}"]}
  - {name: 数, say: ["{数}..4{数}..4@odd", "^..3@odd..5@odd$", "@odd & {数} && <question>"], confidence: 0.8,
     unless: [{name: 不, words: ["[不|没]..3/.[的了]/"], where: around, within: 5, cross: true}]}
  - {name: 又, say: ["<bank>..[欠|还]", "<clock>", "<digits>..2[块|元]"], needs: [{found: self, before: 2}], sound: false}
  - {name: 旁, say: ["@odd..[家|单位]"], needs: [{said: ["@odd", "<amount>"], by: any, before: 2, after: 2}],
     unless: [{name: 前, words: ["@odd", "<question>"], where: previous, within: 2, by: customer}]}
examples: {flag: [你们家还钱], pass: [啊]}
`

// examined gives conversations of all kinds: the rules' examples, dialogues with characters that sound the same, pieces
// of sentences put together anyhow, empty, long and hostile ones.
func examined(t testing.TB, rs *lexicon.Ruleset) []*Conversation {
	var out []*Conversation
	add := func(kind Kind, callee string, us []Utterance) {
		out = append(out, &Conversation{ID: fmt.Sprint(len(out)), Kind: kind, Metadata: Metadata{Callee: callee}, Utterances: us})
	}
	rng := rand.New(rand.NewPCG(3, 2026))
	callees := []string{"debtor", "third_party", ""}
	for i := range rs.Rules {
		for k, ex := range slices.Concat(rs.Rules[i].Flag, rs.Rules[i].Pass) {
			var us []Utterance
			for _, l := range ex.Say {
				us = append(us, Utterance{Speaker: Speaker(l.Speaker), Text: l.Text})
			}
			add(KindCall, callees[k%3], us)
		}
	}
	ds := dialogues(t, "validation.jsonl")
	same := homophones(ds)
	for _, share := range []float64{0, 0.1, 0.4} {
		for _, d := range rewritten(ds, func(r rune) string {
			if o := same[r]; len(o) > 0 && rng.Float64() < share {
				return string(o[rng.IntN(len(o))])
			}
			return string(r)
		}) {
			add(d.Kind, d.Metadata.Callee, d.Utterances)
		}
	}
	var lines [][]rune
	for _, c := range out {
		for _, u := range c.Utterances {
			lines = append(lines, []rune(u.Text))
		}
	}
	piece := func() string {
		l := lines[rng.IntN(len(lines))]
		from := rng.IntN(len(l) + 1)
		return string(l[from:min(len(l), from+rng.IntN(12))])
	}
	between := []string{"", "", ",", "。", "?", "嗯", "五千块", "5000元", "𠮷", "\xff", "工商银行", "三点半"}
	for i := range 200 { // from one utterance to some hundreds: more blocks than there are bits in places
		var us []Utterance
		for range 1 + rng.IntN(4<<(i%7)) {
			var b strings.Builder
			for range rng.IntN(6) {
				b.WriteString(piece())
				b.WriteString(between[rng.IntN(len(between))])
			}
			us = append(us, Utterance{Speaker: []Speaker{SpeakerAgent, SpeakerCustomer, SpeakerUnknown}[rng.IntN(3)], Text: b.String()})
		}
		add([]Kind{KindCall, KindVisit}[i%2], callees[i%3], us)
	}
	add(KindCall, "", nil)
	for _, s := range []string{"", "你", "不还钱", "五块", "去你家", "。"} {
		add(KindCall, "debtor", []Utterance{{Speaker: SpeakerAgent, Text: strings.Repeat(s, 400)}})
	}
	return out
}

func oddEngine(t *testing.T) *Engine {
	return engineWith(t, map[string]string{"rules/odd.yaml": oddRule, "lists/odd.txt": "钱\n还钱~\n!还钱吗\n你\n我们\n还款\n逾期\n二十四小时\n五千块\n!没有五千块钱\n"})
}

// TestNothingIsRuledOutWrongly runs the rules with every set taken to be possible everywhere: what is not looked at, because
// a set it needs is not there, must not have been a finding or an exception.
func TestNothingIsRuledOutWrongly(t *testing.T) {
	e := oddEngine(t)
	all := *e
	index := *e.index
	index.everywhere = true
	all.index = &index
	findings, excused := 0, 0
	for _, c := range examined(t, e.rs) {
		got, gotExcused := e.Explain(c)
		want, wantExcused := all.Explain(c)
		if !reflect.DeepEqual(got, want) || !reflect.DeepEqual(gotExcused, wantExcused) {
			t.Fatalf("conversation %s %v:\n%+v %+v\nwithout ruling out:\n%+v %+v", c.ID, c.Utterances, got, gotExcused, want, wantExcused)
		}
		findings, excused = findings+len(got.Findings), excused+len(gotExcused)
	}
	if findings < 2000 || excused < 500 {
		t.Errorf("the conversations show little: %d findings, %d exceptions", findings, excused)
	}
}

// TestHits compares the hits of every set in every block with those looked for one phrase after the other.
func TestHits(t *testing.T) {
	e := oddEngine(t)
	inSound := map[int32]int32{}
	for k, term := range e.sounds.terms {
		inSound[term] = int32(k)
	}
	hits, shielded := 0, 0
	for i, c := range examined(t, e.rs) {
		if i%10 != 0 || len(c.Utterances) > 40 {
			continue
		}
		s := e.scan(c, false)
		for _, b := range s.blocks {
			found := make([][]hit, e.index.terms)
			for o := range s.mem.occurrences { // numbers written otherwise and entities are found by other code
				if x := s.mem.occurrences[o]; x.block == b.index && (x.term < 0 || !x.sound && !slices.Equal(b.runes[x.start:x.end], e.terms[x.term])) {
					found[termOf(s, int32(o))] = append(found[termOf(s, int32(o))], x.hit)
				}
			}
			for term, text := range e.terms {
				found[term] = append(found[term], plainHits(e, b, int32(term), text, inSound)...)
			}
			for id := range e.index.sets {
				got := []hit{}
				for _, h := range b.hitsFrom(setID(id), 0) {
					if h.block == b.index {
						got = append(got, h)
					}
				}
				want, lost := plainSet(e, b, setID(id), found)
				if !slices.Equal(got, want) {
					t.Fatalf("%s in 「%s」: %+v, want %+v", e.comp.sets[id].Name, string(b.runes), got, want)
				}
				hits, shielded = hits+len(got), shielded+lost
			}
		}
		s.mem.release()
	}
	t.Logf("%d hits, %d shielded", hits, shielded)
	if hits < 20000 || shielded < 20 {
		t.Errorf("the conversations show little: %d hits, %d shielded", hits, shielded)
	}
}

// termOf is the term of an occurrence, of an entity too.
func termOf(s *scan, o int32) int32 {
	for _, t := range s.mem.present {
		for k := s.mem.terms[t].last; k != 0; k = s.mem.occurrences[k-1].before {
			if k-1 == o {
				return t
			}
		}
	}
	panic("an occurrence of no term")
}

// plainHits looks for one phrase at every place.
func plainHits(e *Engine, b *block, term int32, text []rune, inSound map[int32]int32) (out []hit) {
	k, bySound := inSound[term]
	for at := 0; len(text) > 0 && at+len(text) <= len(b.runes); at++ {
		got, h := b.runes[at:at+len(text)], hit{start: int32(at), end: int32(at + len(text)), block: b.index, conf: 1, term: term}
		if slices.Equal(got, text) {
			out = append(out, h)
			continue
		}
		if !bySound || b.crosses(h.start+1, h.end, 0xff) {
			continue
		}
		alike := true
		for i := range got {
			alike = alike && lexicon.SoundOf(got[i]).Class == lexicon.SoundOf(text[i]).Class
		}
		if conf, ok := e.sounds.heard(k, got); alike && ok {
			h.conf, h.sound = conf, true
			out = append(out, h)
		}
	}
	return out
}

// plainSet picks a set's hits among those of all terms and leaves out what a blocker shields.
func plainSet(e *Engine, b *block, id setID, found [][]hit) (out []hit, shielded int) {
	set := e.index.sets[id]
	var all, shields []hit
	for _, t := range set.terms {
		for _, h := range found[t] {
			if !b.crosses(h.start+1, h.end, hardBreak) {
				all = append(all, h)
			}
		}
	}
	for _, re := range set.regexes {
		all = b.regexp(re.re, all)
	}
	for _, t := range set.blockers {
		shields = append(shields, found[t]...)
	}
	out = []hit{}
	for _, h := range all {
		if slices.ContainsFunc(shields, func(x hit) bool {
			return x.start <= h.start && x.end >= h.end && (x.end-x.start > h.end-h.start || !x.sound)
		}) {
			shielded++
			continue
		}
		out = append(out, h)
	}
	slices.SortFunc(out, compareHits)
	return out, shielded
}
