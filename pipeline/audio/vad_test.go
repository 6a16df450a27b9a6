package audio_test

import (
	"math"
	"testing"

	"github.com/speechqa/speechqa/pipeline/audio"
	"github.com/speechqa/speechqa/pipeline/audio/audiotest"
)

func TestEnergyVAD(t *testing.T) { audiotest.VAD(t, audio.EnergyVAD{}) }

// TestEnergyVADLong has a sentence at the end of forty minutes: its time is as exact as at the beginning.
func TestEnergyVADLong(t *testing.T) {
	const quiet = 40 * 60
	said := audiotest.Say(t, audiotest.Man, "您好,请问是王先生吗?")
	length := float64(len(said)) / audiotest.Rate
	x := append(make([]float32, quiet*audiotest.Rate), said...)
	rec := audiotest.Open(t, audiotest.WriteWAV(t, append(x, make([]float32, audiotest.Rate)...)))
	got, err := audio.EnergyVAD{}.Regions(t.Context(), rec, 0)
	if err != nil || len(got) == 0 {
		t.Fatalf("%v, %v", got, err)
	}
	if start, end := got[0].Start, got[len(got)-1].End; math.Abs(start-quiet) > 0.3 || math.Abs(end-quiet-length) > 0.3 {
		t.Errorf("speech from %v to %v found from %v to %v", quiet, quiet+length, start, end)
	}
}
