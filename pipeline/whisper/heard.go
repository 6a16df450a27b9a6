package whisper

import (
	"strings"

	"github.com/speechqa/speechqa/detectors"
)

// heard is the text of one piece of speech on one channel. Times are seconds of the recording.
type heard struct {
	channel    int
	region     int
	start, end float64
	text       string
	words      []detectors.Word // without punctuation; byte spans in text
	p          float64          // mean probability of the spoken characters' tokens
}

// assign assigns the result of a window to its pieces. A segment that lies (nearly) in one piece goes there whole,
// since its bounds are timestamps the model itself gave; one that spans pieces is divided by the times of its
// tokens, which are estimates. Text that lies in no piece comes back as removed.
func (w window) assign(segments []segment) (out []heard, removed []detectors.RemovedText) {
	all, from := wholeCharacters(segments)
	home := make([]int, len(all)) // piece of each, or nowhere
	last := 0
	for i, g := range all {
		k, ok := w.home(segments[from[i]])
		if !ok {
			home[i] = nowhere
			continue
		}
		if k < 0 {
			_, k = w.place((g.start + g.end) / 2)
		}
		last = max(last, k)
		home[i] = last
	}
	snap(all, home)
	perPiece := make([][]glyphs, len(w.pieces))
	var outside []int
	for i, k := range home {
		if k == nowhere {
			outside = append(outside, i)
		} else {
			perPiece[k] = append(perPiece[k], all[i])
		}
	}
	for i, gs := range perPiece {
		if h, ok := w.hear(i, gs); ok {
			out = append(out, h)
		}
	}
	if len(outside) > 0 {
		var b strings.Builder
		for _, i := range outside {
			b.WriteString(all[i].text)
		}
		start, piece := w.place(segments[from[outside[0]]].Start)
		end, _ := w.place(segments[from[outside[len(outside)-1]]].End)
		if text := strings.TrimSpace(b.String()); text != "" {
			removed = append(removed, detectors.RemovedText{Channel: w.pieces[piece].channel, Start: start, End: max(start, end),
				Text: text, Reason: reasonOutside})
		}
	}
	return out, removed
}

const nowhere = -1

// snap moves a change of piece to the punctuation next to it: the model puts its marks where speech pauses, and
// the times of tokens are off by some tenths of a second.
func snap(all []glyphs, home []int) {
	const reach = 3
	for i := 1; i < len(home); i++ {
		if home[i] == home[i-1] || home[i] == nowhere || home[i-1] == nowhere {
			continue
		}
		before, after := home[i-1], home[i]
		best := -1
		for j := max(0, i-reach-1); j < min(len(all), i+reach); j++ {
			inside := home[j] == before || home[j] == after
			if inside && spoken(all[j].text) == "" && strings.TrimSpace(all[j].text) != "" &&
				(best < 0 || abs(j+1-i) < abs(best-i)) {
				best = j + 1
			}
		}
		if best < 0 {
			continue
		}
		to := after
		if best > i {
			to = before
		}
		for j := min(i, best); j < max(i, best); j++ {
			if home[j] != nowhere {
				home[j] = to
			}
		}
		i = max(i, best)
	}
}

func abs(n int) int { return max(n, -n) }

// home returns the piece that holds nearly all the speech a segment covers, −1 if several do, and false if none
// does.
func (w window) home(s segment) (int, bool) {
	const nearly = 0.85
	best, bestLen, sum := -1, 0.0, 0.0
	for i, p := range w.pieces {
		n := min(s.End, p.at+p.length()) - max(s.Start, p.at)
		if n <= 0 {
			continue
		}
		sum += n
		if n > bestLen {
			best, bestLen = i, n
		}
	}
	switch {
	case sum < 0.05 && s.End-s.Start > 0.1:
		return -1, false
	case sum == 0: // a segment without length
		_, k := w.place(s.Start)
		return k, s.Start <= w.length()
	case bestLen >= nearly*sum:
		return best, true
	}
	return -1, true
}

// hear makes the text of one piece.
func (w window) hear(k int, gs []glyphs) (heard, bool) {
	p := w.pieces[k]
	h := heard{channel: p.channel, region: p.region, start: p.speech.Start, end: p.speech.End}
	var b strings.Builder
	sum, n := 0.0, 0
	within := func(t float64) float64 { return p.from + max(0, min(p.length(), t-p.at)) }
	for _, g := range gs {
		text := g.text
		if b.Len() == 0 {
			text = strings.TrimLeft(text, " ")
		}
		lead := len(text) - len(strings.TrimLeft(text, " "))
		at := b.Len() + lead
		joins := lead == 0 && at > 0 && latin(text) && endsLatin(b.String())
		b.WriteString(text)
		body := spoken(text)
		if body == "" {
			continue
		}
		sum += g.p
		n++
		word := detectors.Word{Start: at, End: b.Len(), From: within(g.start), To: within(g.end), Confidence: g.p}
		if m := len(h.words); joins && m > 0 && h.words[m-1].End == at {
			prev := &h.words[m-1]
			prev.End, prev.To = word.End, max(prev.To, word.To)
			prev.Confidence = min(prev.Confidence, word.Confidence)
			continue
		}
		h.words = append(h.words, word)
	}
	h.text = strings.TrimRight(b.String(), " ")
	if n == 0 {
		return h, false
	}
	h.p = sum / float64(n)
	return h, true
}
