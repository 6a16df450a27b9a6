package whisper

import (
	"fmt"
	"math"

	"github.com/speechqa/speechqa/pipeline/audio"
)

// Whisper always looks at 30 s: shorter input is padded, and the encoder costs the same. A channel of a call is
// silent most of the time, so its speech regions are joined, with a short silence between, into windows as full
// as they get; whisper sees the windows, and times are mapped back piece by piece.

// window is one input for whisper.cpp: pieces of one channel, in order of time; where the last windows of two
// channels fit into one, first those of one and then those of the other.
type window struct{ pieces []piece }

// piece is a speech region, or a part of one, and its place in the window. Times are seconds.
type piece struct {
	channel  int
	from, to float64 // in the recording
	at       float64 // where from lies in the window
	region   int     // which region of the channel it belongs to
	// speech is the region without its padding, as far as it lies in this piece.
	speech audio.Region
}

func (p piece) length() float64 { return p.to - p.from }

// length is the window's duration in seconds.
func (w window) length() float64 {
	last := w.pieces[len(w.pieces)-1]
	return last.at + last.length()
}

// packing says how regions become windows.
type packing struct {
	MaxWindow  float64 // seconds; at most 30
	MaxRegions int     // per window; 0 = as many as fit
	Pad        float64 // seconds added to both sides of a region where there is room
	Join       float64 // seconds of silence between two pieces
}

// pack turns the regions of one channel into windows. quietest returns the best time to cut between two times.
func pack(channel int, regions []audio.Region, duration float64, c packing, quietest func(from, to float64) (float64, error)) ([]window, error) {
	var out []window
	for i, r := range widen(regions, duration, c.Pad) {
		pieces, err := split(r, c.MaxWindow, quietest)
		if err != nil {
			return nil, err
		}
		for _, p := range pieces {
			p.channel, p.region = channel, i
			p.speech = audio.Region{Start: max(p.from, min(regions[i].Start, p.to)), End: min(p.to, max(regions[i].End, p.from))}
			if n := len(out); n > 0 {
				w := &out[n-1]
				at := w.length() + c.Join
				if at+p.length() <= c.MaxWindow && (c.MaxRegions == 0 || len(w.pieces) < c.MaxRegions) {
					p.at = at
					w.pieces = append(w.pieces, p)
					continue
				}
			}
			out = append(out, window{pieces: []piece{p}})
		}
	}
	return out, nil
}

// combine joins the windows of several channels. Each channel leaves a window that is not full: those that fit
// together become one.
func combine(perChannel [][]window, c packing) []window {
	var out []window
	rest := -1 // in out, the window that may have room
	for _, ws := range perChannel {
		for i, w := range ws {
			last := i == len(ws)-1
			if last && rest >= 0 && out[rest].take(w, c) {
				continue
			}
			out = append(out, w)
			if last {
				rest = len(out) - 1
			}
		}
	}
	return out
}

// take appends another window's pieces if they fit.
func (w *window) take(other window, c packing) bool {
	at := w.length() + c.Join
	if at+other.length() > c.MaxWindow || c.MaxRegions > 0 && len(w.pieces)+len(other.pieces) > c.MaxRegions {
		return false
	}
	for _, p := range other.pieces {
		p.at += at
		w.pieces = append(w.pieces, p)
	}
	return true
}

// widen adds pad to both sides of every region, but not into the neighbour's half of the pause between them, nor
// over the recording's ends.
func widen(regions []audio.Region, duration, pad float64) []audio.Region {
	out := make([]audio.Region, len(regions))
	for i, r := range regions {
		before, after := 0.0, duration
		if i > 0 {
			before = (regions[i-1].End + r.Start) / 2
		}
		if i+1 < len(regions) {
			after = (r.End + regions[i+1].Start) / 2
		}
		out[i] = audio.Region{Start: math.Max(before, r.Start-pad), End: math.Min(after, r.End+pad)}
	}
	return out
}

// split cuts a region that is longer than a window at its quietest points. The cut is searched in the last
// third of what fits, so that pieces stay long.
func split(r audio.Region, limit float64, quietest func(from, to float64) (float64, error)) ([]piece, error) {
	var out []piece
	from := r.Start
	for r.End-from > limit {
		cut, err := quietest(from+limit*2/3, from+limit)
		if err != nil {
			return nil, fmt.Errorf("look for a pause: %w", err)
		}
		if !(cut > from && cut <= from+limit) {
			cut = from + limit
		}
		out = append(out, piece{from: from, to: cut})
		from = cut
	}
	return append(out, piece{from: from, to: r.End}), nil
}

// place maps a time in the window to the recording and says which piece it falls into. A time in a joining
// silence or beyond the end belongs to the nearest edge of a piece.
func (w window) place(t float64) (seconds float64, piece int) {
	best, bestGap := 0, math.Inf(1)
	for i, p := range w.pieces {
		gap := math.Max(p.at-t, t-(p.at+p.length()))
		if gap < bestGap {
			best, bestGap = i, gap
		}
	}
	p := w.pieces[best]
	return p.from + math.Max(0, math.Min(p.length(), t-p.at)), best
}

// context is the length of the encoder's context for this window, in frames of 20 ms: what the window needs and
// the profile's margin, but at least the profile's floor. A floor of 0 means whisper.cpp's full 30 s: OpenAI's
// models know nothing else.
func (w window) context(p Profile) int {
	const full, perSecond = 1500, 50
	if p.Decoding.AudioCtx == 0 {
		return 0
	}
	return min(full, max(p.Decoding.AudioCtx, int(math.Ceil((w.length()+p.AudioMargin)*perSecond))))
}

// samples reads the window's PCM.
func (w window) samples(rec *audio.Recording) ([]float32, error) {
	out := make([]float32, 0, int(w.length()*sampleRate)+1)
	for _, p := range w.pieces {
		at := int(math.Round(p.at * sampleRate))
		for len(out) < at {
			out = append(out, 0)
		}
		pcm, err := rec.Read(p.channel, p.from, p.to)
		if err != nil {
			return nil, fmt.Errorf("read speech at %.1f s: %w", p.from, err)
		}
		out = append(out, pcm...)
	}
	return out, nil
}

// quietest returns the middle of the quietest 100 ms of a stretch of a channel.
func quietest(rec *audio.Recording, channel int, from, to float64) (float64, error) {
	pcm, err := rec.Read(channel, from, to)
	if err != nil {
		return 0, err
	}
	const frame, hop = sampleRate / 10, sampleRate / 100
	best, bestPower := (to-from)/2, math.Inf(1)
	for i := 0; i+frame <= len(pcm); i += hop {
		power := 0.0
		for _, x := range pcm[i : i+frame] {
			power += float64(x) * float64(x)
		}
		if power < bestPower {
			best, bestPower = float64(i+frame/2)/sampleRate, power
		}
	}
	return from + best, nil
}
