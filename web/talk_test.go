package web

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline/audio"
)

// sound draws peaks of ten a second from a picture, one character a tenth: # is loud.
func sound(picture string) audio.Peaks {
	p := audio.Peaks{PerSecond: 10}
	for _, c := range picture {
		p.Max = append(p.Max, map[rune]byte{'#': 200, '.': 2}[c])
	}
	return p
}

func TestSilencesAndOverlaps(t *testing.T) {
	two := []audio.Peaks{
		sound("##########....................#####.#####"),
		sound("......########................############"),
	}
	if diff := cmp.Diff([]stretch{{1.4, 3}}, silences(two)); diff != "" {
		t.Errorf("silence (-want +got): %s", diff)
	}
	if diff := cmp.Diff([]stretch{{.6, 1}, {3, 4.1}}, overlaps(two, nil)); diff != "" { // the short break is bridged
		t.Errorf("overlap (-want +got): %s", diff)
	}
	us := []detectors.Utterance{{Speaker: "agent", End: 5}, {Speaker: "customer", Start: 4, End: 6}, {Speaker: "agent", Start: 5.9, End: 7}}
	if diff := cmp.Diff([]stretch{{4, 5}}, overlaps(two[:1], us)); diff != "" {
		t.Errorf("overlap of one channel (-want +got): %s", diff)
	}
	if got := silences(nil); len(got) != 0 || got == nil {
		t.Errorf("of nothing: %v", got)
	}
}
