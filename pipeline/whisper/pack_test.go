package whisper

import (
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/speechqa/speechqa/pipeline/audio"
)

// cutLate cuts as late as allowed.
func cutLate(_, to float64) (float64, error) { return to, nil }

// TestPack holds for any regions: every moment of speech is in exactly one window, no window is too long, no
// region that fits is cut, and times map back.
func TestPack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := packing{
			MaxWindow:  rapid.Float64Range(2, 30).Draw(rt, "window"),
			MaxRegions: rapid.IntRange(0, 3).Draw(rt, "regions"),
			Pad:        rapid.Float64Range(0, 0.5).Draw(rt, "pad"),
			Join:       rapid.Float64Range(0, 1).Draw(rt, "join"),
		}
		var regions []audio.Region
		at := 0.0
		for range rapid.IntRange(0, 30).Draw(rt, "n") {
			at += rapid.Float64Range(0.02, 8).Draw(rt, "pause")
			end := at + rapid.Float64Range(0.05, 70).Draw(rt, "speech")
			regions = append(regions, audio.Region{Start: at, End: end})
			at = end
		}
		duration := at + rapid.Float64Range(0, 2).Draw(rt, "tail")
		windows, err := pack(1, regions, duration, c, cutLate)
		if err != nil {
			rt.Fatal(err)
		}
		perRegion := make([][]piece, len(regions))
		last := 0.0
		for _, w := range windows {
			if w.length() > c.MaxWindow+1e-9 {
				rt.Fatalf("window of %v s, at most %v", w.length(), c.MaxWindow)
			}
			if c.MaxRegions > 0 && len(w.pieces) > c.MaxRegions {
				rt.Fatalf("%d regions in a window, at most %d", len(w.pieces), c.MaxRegions)
			}
			for k, p := range w.pieces {
				if p.from < last-1e-9 || p.to <= p.from || p.to > duration+1e-9 {
					rt.Fatalf("piece %+v after %v", p, last)
				}
				last = p.to
				perRegion[p.region] = append(perRegion[p.region], p)
				for _, share := range []float64{0.01, 0.5, 0.99} {
					x := share * p.length()
					got, piece := w.place(p.at + x)
					if piece != k || math.Abs(got-(p.from+x)) > 1e-6 {
						rt.Fatalf("%v s into piece %d is placed at %v in piece %d, want %v", x, k, got, piece, p.from+x)
					}
				}
			}
		}
		for i, r := range regions {
			ps := perRegion[i]
			if len(ps) == 0 || ps[0].from > r.Start || ps[len(ps)-1].to < r.End {
				rt.Fatalf("region %+v has pieces %+v", r, ps)
			}
			if r.End-r.Start+2*c.Pad < c.MaxWindow && len(ps) != 1 {
				rt.Fatalf("region of %v s cut into %d", r.End-r.Start, len(ps))
			}
			for k := 1; k < len(ps); k++ {
				if ps[k].from != ps[k-1].to {
					rt.Fatalf("between %v and %v nothing is heard", ps[k-1].to, ps[k].from)
				}
			}
			if s := ps[0].speech; s.Start != r.Start {
				rt.Fatalf("speech starts at %v, region at %v", s.Start, r.Start)
			}
		}
	})
}

// TestCombine joins what two channels leave over, with every piece on its own channel, and nothing else.
func TestCombine(t *testing.T) {
	c := packing{MaxWindow: 30, Join: 0.5}
	channel := func(ch int, lengths ...float64) []window {
		var out []window
		for i, n := range lengths {
			from := float64(100*ch + 40*i)
			out = append(out, window{pieces: []piece{{channel: ch, from: from, to: from + n, region: i}}})
		}
		return out
	}
	got := combine([][]window{channel(0, 28, 10), channel(1, 25, 12), nil, channel(2, 9)}, c)
	if len(got) != 4 {
		t.Fatalf("%d windows: %+v", len(got), got)
	}
	shared := got[1]
	if len(shared.pieces) != 2 || shared.pieces[1].channel != 1 || shared.pieces[1].at != 10.5 || shared.length() != 22.5 {
		t.Errorf("shared window %+v", shared)
	}
	if at, p := shared.place(11.5); p != 1 || at != 141 {
		t.Errorf("11.5 s into it is %v in piece %d", at, p)
	}
	c.MaxRegions = 1
	if got := combine([][]window{channel(0, 5), channel(1, 5)}, c); len(got) != 2 {
		t.Errorf("one region per window: %+v", got)
	}
}

// TestSplitAtPause cuts a long region where it is quietest.
func TestSplitAtPause(t *testing.T) {
	ps, err := split(audio.Region{Start: 10, End: 75}, 30, func(from, to float64) (float64, error) {
		if from != 30 && from != 54.5 || to != from+10 {
			t.Errorf("looked for a pause from %v to %v", from, to)
		}
		return from + 4.5, nil
	})
	if err != nil || len(ps) != 3 || ps[0].to != 34.5 || ps[1].to != 59 {
		t.Errorf("pieces %+v, %v", ps, err)
	}
	failed := errors.New("disk gone")
	if _, err := split(audio.Region{End: 40}, 30, func(float64, float64) (float64, error) { return 0, failed }); !errors.Is(err, failed) {
		t.Errorf("error is %v", err)
	}
}

// TestQuietest finds the pause between two sentences of a sample.
func TestQuietest(t *testing.T) {
	turns := turnsOf(t, "03-impersonation")
	at, err := quietest(openSample(t, "03-impersonation"), 0, turns[2].Start, turns[3].End)
	if err != nil || at < turns[2].End || at > turns[3].Start {
		t.Errorf("cut at %v, %v; the pause is %v to %v", at, err, turns[2].End, turns[3].Start)
	}
}

// TestContext gives the encoder what a window needs, its margin and no less than the floor; all of it where the
// profile says nothing.
func TestContext(t *testing.T) {
	p := DefaultProfile()
	w := window{pieces: []piece{{from: 5, to: 8}, {from: 9, to: 10, at: 3.3}}} // 4.3 s
	if n := w.context(p); n != 0 {
		t.Errorf("OpenAI's models are given %d frames", n)
	}
	p.Decoding.AudioCtx, p.AudioMargin = 100, 0.5
	for _, c := range []struct {
		w    window
		want int
	}{
		{w, 240},
		{window{pieces: []piece{{to: 0.4}}}, 100},
		{window{pieces: []piece{{to: 29.8}}}, 1500},
	} {
		if n := c.w.context(p); n != c.want {
			t.Errorf("%v s are given %d frames of 20 ms, want %d", c.w.length(), n, c.want)
		}
	}
	m := map[string]string{}
	p.stamp(m)
	p.Decoding.stamp(m)
	if m["audio_ctx"] != "100" || m["audio_margin"] != "0.5" {
		t.Errorf("stamped are %v", m)
	}
}
