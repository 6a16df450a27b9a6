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

// heard says whether text of the right sounds stands for phrase k of the index though it is written otherwise, and
// with what confidence.
func (x *soundIndex) heard(k int32, got []rune) (conf float32, ok bool) {
	want := x.text[k]
	equal := 0
	for i := range want {
		if want[i] == got[i] {
			equal++
		}
	}
	if equal == len(want) {
		return 0, false // the automaton by character has it
	}
	confused := false
	for i := range want {
		confused = confused || want[i] != got[i] && lexicon.SoundOf(want[i]).Syllable != lexicon.SoundOf(got[i]).Syllable
	}
	if !plausible(x.marks[k], want, got, equal, confused) {
		return 0, false
	}
	if confused {
		return confusedSounds, true
	}
	return sameSyllables, true
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
