package whisper

import (
	_ "embed"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/speechqa/speechqa/detectors"
)

// The hallucination guard. Whisper was trained on subtitles and, given little or no speech, writes what
// subtitles contain: thanks for watching, the names of subtitle groups, one phrase over and over. Nothing is
// thrown away silently: all removed text stays on the transcript with its reason.
const (
	reasonOutside     = "outside_speech"
	reasonRepetition  = "repetition"
	reasonPhrase      = "known_phrase"
	reasonRate        = "speaking_rate"
	reasonProbability = "low_probability"
)

// guardVersion is stamped on transcripts; it grows whenever the guard decides differently.
const guardVersion = "1"

//go:embed phrases.txt
var phraseFile string

// phrases are texts that come from subtitles and never from a collection call.
var phrases = func() []string {
	var out []string
	for line := range strings.Lines(phraseFile) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			out = append(out, line)
		}
	}
	return out
}()

// guard checks what was heard in one piece of speech of the given length. It returns what remains, if anything.
func guard(h heard, seconds float64, p Profile) (heard, bool, []detectors.RemovedText) {
	var removed []detectors.RemovedText
	remove := func(text, reason string, start, end float64) {
		removed = append(removed, detectors.RemovedText{Channel: h.channel, Start: start, End: end, Text: text, Reason: reason})
	}
	for {
		from, to, ok := findPhrase(h.text)
		if !ok {
			break
		}
		start, end := h.times(from, to)
		remove(h.text[from:to], reasonPhrase, start, end)
		h = h.without(from, to)
	}
	for {
		from, to, ok := findLoop(h.text)
		if !ok {
			break
		}
		start, end := h.times(from, to)
		remove(h.text[from:to], reasonRepetition, start, end)
		h = h.without(from, to)
	}
	n := utf8.RuneCountInString(spoken(h.text))
	switch {
	case n == 0:
		return h, false, removed
	case n >= 6 && seconds > 0 && float64(n)/seconds > p.MaxRate:
		remove(h.text, reasonRate, h.start, h.end)
		return h, false, removed
	case h.p < p.MinProbability:
		remove(h.text, reasonProbability, h.start, h.end)
		return h, false, removed
	}
	return h, true, removed
}

// findPhrase finds a subtitle phrase. A phrase that ends in … takes the rest of its clause with it (字幕由…).
func findPhrase(text string) (from, to int, ok bool) {
	for _, ph := range phrases {
		stem, open := strings.CutSuffix(ph, "…")
		if i := indexFold(text, stem); i >= 0 {
			to := i + len(stem)
			if open {
				if k := strings.IndexAny(text[to:], "。!?!?\n"); k >= 0 {
					to += k
				} else {
					to = len(text)
				}
			}
			return i, to, true
		}
	}
	return 0, 0, false
}

// indexFold is strings.Index without regard to the case of ASCII letters.
func indexFold(s, sub string) int {
	lower := func(s string) string {
		return strings.Map(func(r rune) rune {
			if r >= 'A' && r <= 'Z' {
				return r + 'a' - 'A'
			}
			return r
		}, s)
	}
	return strings.Index(lower(s), lower(sub))
}

// loopMin says how often a unit of so many characters must be said in a row to count as a loop of the decoder:
// people do say 对对对对 and 好的好的好的.
func loopMin(unit int) int {
	switch unit {
	case 1:
		return 9
	case 2:
		return 6
	}
	return 4
}

// findLoop finds a unit said over and over. The bytes returned are the repetitions after the first.
func findLoop(text string) (from, to int, ok bool) {
	type char struct {
		r  rune
		at int
	}
	var cs []char
	for i, r := range text {
		if !silentRune(r) {
			cs = append(cs, char{r, i})
		}
	}
	const maxUnit = 24
	for start := range cs {
		for unit := 1; unit <= maxUnit && start+unit*loopMin(unit) <= len(cs); unit++ {
			times := 1
			for start+(times+1)*unit <= len(cs) && slices.EqualFunc(cs[start:start+unit], cs[start+times*unit:start+(times+1)*unit],
				func(a, b char) bool { return a.r == b.r }) {
				times++
			}
			if times >= loopMin(unit) {
				last := cs[start+times*unit-1]
				return cs[start+unit].at, last.at + utf8.RuneLen(last.r), true
			}
		}
	}
	return 0, 0, false
}

// times returns when the bytes from..to of the text were said, as far as the words tell.
func (h heard) times(from, to int) (start, end float64) {
	start, end = h.start, h.end
	first := true
	for _, w := range h.words {
		if w.End <= from || w.Start >= to {
			continue
		}
		if first {
			start, end, first = w.From, w.To, false
		}
		end = max(end, w.To)
	}
	return start, end
}

// without cuts the bytes from..to out of the text, and the words in them.
func (h heard) without(from, to int) heard {
	// Punctuation that only closed the removed text goes with it when nothing stands before it.
	if from == 0 {
		rest := strings.TrimLeftFunc(h.text[to:], silentRune)
		to = len(h.text) - len(rest)
	}
	out := h
	out.text = h.text[:from] + h.text[to:]
	out.words = nil
	sum := 0.0
	for _, w := range h.words {
		switch {
		case w.End <= from:
		case w.Start >= to:
			w.Start -= to - from
			w.End -= to - from
		default:
			continue
		}
		out.words = append(out.words, w)
		sum += w.Confidence
	}
	if n := len(out.words); n > 0 {
		out.p = sum / float64(n)
	}
	return out
}
