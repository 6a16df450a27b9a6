package whisper

import (
	"testing"

	"github.com/speechqa/speechqa/detectors"
)

func TestTranscribeSamples(t *testing.T) {
	for _, s := range []string{"01-clean-call", "02-threat", "03-impersonation", "04-waiver", "05-third-party", "06-private-payment", "07-visit", "08-clean-third-party"} {
		rec := openSample(t, s)
		kind := detectors.KindCall
		if s == "07-visit" {
			kind = detectors.KindVisit
		}
		tr, err := demo(t).Transcribe(t.Context(), rec, kind, detectors.Metadata{})
		if err != nil {
			t.Fatal(err)
		}
		t.Log(s, tr.Notes)
		for _, u := range tr.Utterances {
			t.Logf("  %.2f-%.2f ch%d %s(%.2f) %.2f %s", u.Start, u.End, u.Channel, u.Speaker, u.SpeakerConfidence, u.Confidence, u.Text)
		}
		for _, r := range tr.Removed {
			t.Logf("  REMOVED %.2f-%.2f %s %s", r.Start, r.End, r.Reason, r.Text)
		}
		for _, x := range turnsOf(t, s) {
			t.Logf("  TRUTH %.2f-%.2f %s %s", x.Start, x.End, x.Speaker, x.Text)
		}
	}
}
