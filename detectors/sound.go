package detectors

import "github.com/speechqa/speechqa/lexicon"

// Confidence of a match by sound, before the alternative's own.
const (
	sameSyllables  = 0.9 // every character sounds the same
	confusedSounds = 0.8 // a syllable differs by a usual confusion (zh/z, in/ing, …)
)

// soundIndex finds phrases by how they sound.
type soundIndex struct {
	auto  *automaton
	terms []int32 // automaton term → phrase
	text  [][]rune
	marks []lexicon.SoundMark
}

// newSoundIndex takes phrases of three characters and more, and shorter ones that are marked or in the list heard_short.
func newSoundIndex(phrases []lexicon.Phrase, short *lexicon.Set) *soundIndex {
	marked := map[string]lexicon.SoundMark{}
	if short != nil {
		for _, p := range short.Phrases {
			marked[p.Text] = p.Sound
		}
	}
	x := &soundIndex{}
	var keys [][]rune
	for i, p := range phrases {
		if p.Sound == lexicon.SoundNever {
			continue
		}
		t := fold(p.Text)
		if len(t) < 2 {
			continue
		}
		if m, ok := marked[p.Text]; ok {
			p.Sound = max(p.Sound, m)
		} else if len(t) == 2 && p.Sound == lexicon.SoundAuto {
			continue
		}
		key := make([]rune, len(t))
		for k, r := range t {
			s := lexicon.SoundOf(r)
			if s.Class == 0 {
				key = nil
				break
			}
			key[k] = rune(s.Class)
		}
		if key == nil {
			continue
		}
		keys = append(keys, key)
		x.terms = append(x.terms, int32(i))
		x.text = append(x.text, t)
		x.marks = append(x.marks, p.Sound)
	}
	x.auto = newAutomaton(keys)
	return x
}

// find yields the places where a phrase is heard though it is written otherwise.
func (x *soundIndex) find(text []rune, classes []rune, yield func(term, start, end int32, conf float32)) {
	x.auto.find(classes, func(k, start, end int32) {
		want, got := x.text[k], text[start:end]
		equal, confused := 0, false
		for i := range want {
			if want[i] == got[i] {
				equal++
			} else if lexicon.SoundOf(want[i]).Syllable != lexicon.SoundOf(got[i]).Syllable {
				confused = true
			}
		}
		if equal == len(want) || !plausible(x.marks[k], want, got, equal, confused) {
			return
		}
		conf := float32(sameSyllables)
		if confused {
			conf = confusedSounds
		}
		yield(x.terms[k], start, end, conf)
	})
}

// plausible says whether a phrase that only sounds right is likely meant: enough of it is written as expected, and
// what is written instead is no ordinary word of its own.
func plausible(mark lexicon.SoundMark, want, got []rune, equal int, confused bool) bool {
	n := len(want)
	if mark == lexicon.SoundShort {
		return true
	}
	if n == 2 && (equal == 0 || confused) {
		return false
	}
	if n == 3 && equal == 0 || n > 3 && equal*2 < n {
		return false
	}
	// A differing character that belongs to an ordinary word with its neighbour inside the match was meant so.
	for i := range want {
		if want[i] == got[i] {
			continue
		}
		if i > 0 && lexicon.CommonWord(string(got[i-1:i+1])) || i+1 < n && lexicon.CommonWord(string(got[i:i+2])) {
			return false
		}
	}
	return true
}
