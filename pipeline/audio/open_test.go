package audio

import (
	"context"
	"testing"
)

func TestOpenSamples(t *testing.T) {
	for _, c := range []struct {
		file, codec    string
		rate, channels int
		duration       float64
	}{
		{"01-clean-call", "pcm_s16le", 8000, 2, 52.25025},
		{"04-waiver", "pcm_alaw", 8000, 2, 40.266125},
		{"06-private-payment", "pcm_s16le", 16000, 2, 35.289188},
		{"07-visit", "pcm_s16le", 16000, 1, 51.980063},
	} {
		t.Run(c.file, func(t *testing.T) {
			rec, err := Open(context.Background(), "../../testdata/samples/"+c.file+".wav", Options{TempDir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			defer rec.Close()
			f := rec.Facts
			if f.Codec != c.codec || f.SourceRate != c.rate || f.Channels != c.channels || f.Duration-c.duration > 1e-3 || c.duration-f.Duration > 1e-3 {
				t.Errorf("facts %+v", f)
			}
			for ch := range rec.Channels() {
				if got, want := float64(rec.Samples(ch)), c.duration*SampleRate; got < want-2 || got > want+2 {
					t.Errorf("channel %d: %v samples, want %v", ch, got, want)
				}
			}
		})
	}
}
