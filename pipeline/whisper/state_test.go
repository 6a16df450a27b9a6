package whisper

import (
	"context"
	"reflect"
	"testing"

	"github.com/speechqa/speechqa/pipeline/audio"
)

// TestNothingCarriesOver: windows heard one after the other in kept states give what each gives in a state of its
// own, to the last probability, with and without flash attention, also after a sampled attempt and an aborted call.
func TestNothingCarriesOver(t *testing.T) {
	profile, err := LoadProfile(demoModel)
	if err != nil {
		t.Fatal(err)
	}
	rec := openSample(t, "04-waiver")
	regions, err := audio.EnergyVAD{}.Regions(t.Context(), rec, 1)
	if err != nil {
		t.Fatal(err)
	}
	windows, err := pack(1, regions, rec.Facts.Duration, profile.packing(), func(from, to float64) (float64, error) { return from, nil })
	if err != nil {
		t.Fatal(err)
	}
	windows = windows[:min(4, len(windows))]
	for _, flash := range []bool{false, true} {
		e, err := openEngine(engineConfig{Model: demoModel, Threads: 1, FlashAttn: flash})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(e.close)
		hear := func(ctx context.Context, w window, temperature float64) []segment {
			pcm, err := w.samples(rec)
			if err != nil {
				t.Fatal(err)
			}
			d := profile.Decoding
			d.AudioCtx, d.Temperature = w.context(profile), temperature
			segs, err := e.full(ctx, pcm, d)
			if err != nil && ctx.Err() == nil {
				t.Fatal(err)
			}
			return segs
		}
		alone := make([][]segment, len(windows))
		sampled := make([][]segment, len(windows))
		for i, w := range windows {
			e.state.drop()
			alone[i] = hear(t.Context(), w, 0)
			e.state.drop()
			sampled[i] = hear(t.Context(), w, 0.8)
		}
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		kept := 0
		for i := len(windows) - 1; i >= 0; i-- { // another order than before
			before := e.state.state
			if got := hear(t.Context(), windows[i], 0); !reflect.DeepEqual(got, alone[i]) {
				t.Errorf("flash attention %v: window %d gives %q after others, %q alone", flash, i, textOf(got), textOf(alone[i]))
			}
			if before != nil && before == e.state.state {
				kept++
			}
			if i%2 == 0 {
				continue
			}
			for range 2 {
				if got := hear(t.Context(), windows[i], 0.8); !reflect.DeepEqual(got, sampled[i]) {
					t.Errorf("flash attention %v: window %d sampled gives %q after others, %q alone", flash, i, textOf(got), textOf(sampled[i]))
				}
			}
			hear(cancelled, windows[i], 0)
		}
		if !flash && kept == 0 {
			t.Error("no state was used twice")
		}
	}
}

// TestAccount: an easy window is decoded at the first attempt, one whose text can never be sure enough falls back.
func TestAccount(t *testing.T) {
	e, err := openEngine(engineConfig{Model: demoModel, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.close)
	profile, err := LoadProfile(demoModel)
	if err != nil {
		t.Fatal(err)
	}
	rec := openSample(t, "01-clean-call")
	pcm, err := rec.Read(0, 0, 4)
	if err != nil {
		t.Fatal(err)
	}
	d := profile.Decoding
	d.LogProbThreshold, d.EntropyThreshold = -100, 0
	if _, err := e.full(t.Context(), pcm, d); err != nil {
		t.Fatal(err)
	}
	if e.spent.attempts != e.spent.encoded || e.spent.encoded < 1 || e.spent.encode <= 0 || e.spent.decode <= 0 {
		t.Errorf("%+v", e.spent)
	}
	e.spent = account{}
	d.LogProbThreshold, d.TemperatureInc = 0, 0.5 // 0, 0.5, 1
	if _, err := e.full(t.Context(), pcm, d); err != nil {
		t.Fatal(err)
	}
	if e.spent.attempts < e.spent.encoded+2 {
		t.Errorf("%d attempts at %d", e.spent.attempts, e.spent.encoded)
	}
	if e.state.state != nil {
		t.Error("the state of a sampled attempt was kept")
	}
}
