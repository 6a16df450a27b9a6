package web

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/detectors/pii"
	"github.com/speechqa/speechqa/pipeline/audio"
	"github.com/speechqa/speechqa/storage/postgres"
)

// bleep is personal data within a clip, or a stretch that somebody wants bleeped.
type bleep struct {
	Key      string // of what was found; empty for what was added
	Turn     int    // of the utterance; -1 for what was added
	Kind     pii.Kind
	Span     pii.Span // in the utterance's text
	From, To float64  // seconds of the recording
	On       bool     // it is bleeped and masked
	Index    int      // of what was added, in Clip.Bleeped
}

// clipLine is an utterance within a clip.
type clipLine struct {
	Turn       int
	Speaker    detectors.Speaker
	Start, End float64
	Pieces     []clipPiece
	Masked     string // what may leave the house
}

// clipPiece is a run of an utterance's text, with the personal data that it is.
type clipPiece struct {
	Text  string
	Bleep *bleep // nil for plain text
	Added bool   // covered by a stretch that somebody added
}

// clipText finds what is said in a clip and what of it is to be bleeped. The spans are found anew each time: where the
// recording was transcribed again, what somebody had let through is bleeped again.
func clipText(r postgres.Review, k postgres.Clip) (lines []clipLine, bleeps []bleep) {
	us := r.Transcript.Utterances
	known := pii.KnownOf(r.Recording.Metadata)
	found := pii.FindAll(us, known)
	for i, u := range us {
		first := len(bleeps)
		for _, s := range found[i] {
			b := bleep{Key: spanKey(i, u.Text, s), Turn: i, Kind: s.Kind, Span: s}
			b.From, b.To = pii.Times(u, s)
			if b.From >= k.To || b.To <= k.From {
				continue
			}
			b.On = !slices.Contains(k.Plain, b.Key)
			bleeps = append(bleeps, b)
		}
		if u.Start < k.To && u.End > k.From {
			lines = append(lines, clipLineOf(i, u, bleeps[first:], k.Bleeped))
		}
	}
	for i, t := range k.Bleeped {
		bleeps = append(bleeps, bleep{Turn: -1, Kind: pii.KindOther, From: t.From, To: t.To, On: true, Index: i})
	}
	slices.SortStableFunc(bleeps, func(a, b bleep) int { return cmp.Compare(a.From, b.From) })
	return lines, bleeps
}

// spanKey names found data by its place and text, so that it means nothing in another transcript.
func spanKey(turn int, text string, s pii.Span) string {
	return fmt.Sprintf("%d-%d-%x", turn, s.Start, sha256.Sum256(fmt.Appendf(nil, "%d\n%s\n%s", s.End, s.Kind, text)))[:32]
}

// clipLineOf cuts an utterance at the edges of what is found in it and of what was added.
func clipLineOf(turn int, u detectors.Utterance, bleeps []bleep, added []postgres.TimeRange) clipLine {
	l := clipLine{Turn: turn, Speaker: u.Speaker, Start: u.Start, End: u.End}
	over := addedSpans(u, added)
	edges := []int{0, len(u.Text)}
	var hidden []pii.Span
	for _, b := range bleeps {
		edges = append(edges, b.Span.Start, b.Span.End)
		if b.On {
			hidden = append(hidden, b.Span)
		}
	}
	for _, s := range over {
		edges = append(edges, s.Start, s.End)
	}
	slices.Sort(edges)
	edges = slices.Compact(edges)
	for i := 0; i+1 < len(edges); i++ {
		p := clipPiece{Text: u.Text[edges[i]:edges[i+1]]}
		for k := range bleeps {
			if bleeps[k].Span.Start <= edges[i] && edges[i+1] <= bleeps[k].Span.End {
				b := bleeps[k]
				p.Bleep = &b
			}
		}
		p.Added = slices.ContainsFunc(over, func(s pii.Span) bool { return s.Start <= edges[i] && edges[i+1] <= s.End })
		l.Pieces = append(l.Pieces, p)
	}
	l.Masked = pii.Mask(u.Text, append(hidden, over...))
	return l
}

// addedSpans are the words of an utterance that stretches somebody added cover in part or in full; all of it where the
// utterance has no times of words.
func addedSpans(u detectors.Utterance, added []postgres.TimeRange) []pii.Span {
	var out []pii.Span
	for _, t := range added {
		if t.From >= u.End || t.To <= u.Start {
			continue
		}
		timed := false
		for _, w := range u.Words {
			if w.To <= w.From {
				continue
			}
			timed = true
			if w.From < t.To && w.To > t.From {
				from, to := edge(u.Text, w.Start), edge(u.Text, w.End)
				out = append(out, pii.Span{Start: from, End: to, Kind: pii.KindOther})
			}
		}
		if !timed {
			out = append(out, pii.Span{Start: 0, End: len(u.Text), Kind: pii.KindOther})
		}
	}
	return pii.Merge(out)
}

// silenced are the stretches of the recording that are not to be heard.
func silenced(bleeps []bleep) []audio.Region {
	var out []audio.Region
	for _, b := range bleeps {
		if b.On {
			out = append(out, audio.Region{Start: b.From, End: b.To})
		}
	}
	return out
}
