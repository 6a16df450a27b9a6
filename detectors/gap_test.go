package detectors

import "testing"

// A gap is certain where nothing else explains it, and doubtful where something does.
func TestRecordingGap(t *testing.T) {
	for name, c := range map[string]struct {
		kind           Kind
		gap            Gap
		found, doubted bool
	}{
		"visit, digital silence":    {KindVisit, Gap{10, 14, GapDigitalSilence}, true, false},
		"visit, short":              {KindVisit, Gap{10, 12, GapDigitalSilence}, false, false},
		"visit, shorter than said":  {KindVisit, Gap{100, 160, GapDurationMismatch}, true, false},
		"visit, splice":             {KindVisit, Gap{10, 10, GapDiscontinuity}, true, true},
		"call, perhaps on hold":     {KindCall, Gap{10, 14, GapDigitalSilence}, true, true},
		"call, shorter than stated": {KindCall, Gap{100, 160, GapDurationMismatch}, true, false},
		"call, splice":              {KindCall, Gap{10, 10, GapDiscontinuity}, true, true},
	} {
		res := engine(t).Inspect(&Conversation{ID: "r", Kind: c.kind, Facts: Facts{Duration: 60, Gaps: []Gap{c.gap}},
			Utterances: []Utterance{{Speaker: SpeakerAgent, Text: "您好"}}})
		var got []Finding
		for _, f := range res.Findings {
			if f.Rule == "recording_gap" {
				got = append(got, f)
			}
		}
		if !c.found {
			if len(got) > 0 {
				t.Errorf("%s: found %+v", name, got)
			}
			continue
		}
		if len(got) != 1 || got[0].Doubtful != c.doubted || got[0].Start != c.gap.Start || got[0].End != c.gap.End || got[0].Term != c.gap.Reason {
			t.Errorf("%s: found %+v", name, got)
		}
	}
}
