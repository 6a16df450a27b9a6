package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/speechqa/speechqa/detectors"
)

// transcribeCmd turns recordings into text.
type transcribeCmd struct {
	hearingFlags
	JSON  bool     `name:"json" help:"One JSON object per recording and line."`
	Words bool     `help:"With --json: the words of every utterance with times and confidence."`
	Files []string `arg:"" name:"file" help:"Recordings in any format ffmpeg reads."`
}

// transcription is one line of transcribe --json.
type transcription struct {
	File       string                  `json:"file"`
	Duration   float64                 `json:"duration"` // seconds
	Channels   int                     `json:"channels"`
	Utterances []utterance             `json:"utterances"`
	Removed    []detectors.RemovedText `json:"removed,omitempty"`
	Notes      []string                `json:"notes,omitempty"`
}

// utterance is a detectors.Utterance as the commands print it: seconds and confidences to three decimals.
type utterance struct {
	Speaker           detectors.Speaker `json:"speaker"`
	Channel           int               `json:"channel"`
	Start             float64           `json:"start"`
	End               float64           `json:"end"`
	Text              string            `json:"text"`
	Confidence        float64           `json:"confidence"`
	SpeakerConfidence float64           `json:"speaker_confidence"`
	Words             []detectors.Word  `json:"words,omitempty"`
}

// Run transcribes every file.
func (c *transcribeCmd) Run(a *app) error {
	enc := json.NewEncoder(a.stdout)
	enc.SetEscapeHTML(false)
	return c.hearFiles(a, c.Files, func(h hearing) error {
		t := transcribed(h, c.Words)
		if c.JSON {
			return enc.Encode(t)
		}
		return t.print(a.stdout)
	})
}

func transcribed(h hearing, words bool) transcription {
	t := transcription{File: h.file, Duration: milli(h.rec.Facts.Duration), Channels: h.rec.Channels(),
		Utterances: []utterance{}, Notes: append(h.rec.Facts.Warnings[:len(h.rec.Facts.Warnings):len(h.rec.Facts.Warnings)], h.transcript.Notes...)}
	for _, u := range h.transcript.Utterances {
		o := utterance{Speaker: u.Speaker, Channel: u.Channel, Start: milli(u.Start), End: milli(u.End), Text: u.Text,
			Confidence: milli(u.Confidence), SpeakerConfidence: milli(u.SpeakerConfidence)}
		if words {
			for _, w := range u.Words {
				w.From, w.To, w.Confidence = milli(w.From), milli(w.To), milli(w.Confidence)
				o.Words = append(o.Words, w)
			}
		}
		t.Utterances = append(t.Utterances, o)
	}
	for _, r := range h.transcript.Removed {
		r.Start, r.End = milli(r.Start), milli(r.End)
		t.Removed = append(t.Removed, r)
	}
	return t
}

// print writes the transcript for reading.
func (t transcription) print(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%s  %s, %d channel(s)\n", t.File, clock(t.Duration), t.Channels)
	for _, u := range t.Utterances {
		if err == nil {
			_, err = fmt.Fprintf(w, "  %s  %s %s\n", clock(u.Start), who(u.Speaker, u.SpeakerConfidence), u.Text)
		}
	}
	for _, r := range t.Removed {
		if err == nil {
			_, err = fmt.Fprintf(w, "  %s  (removed, %s) %s\n", clock(r.Start), r.Reason, r.Text)
		}
	}
	for _, n := range t.Notes {
		if err == nil {
			_, err = fmt.Fprintf(w, "  (%s)\n", n)
		}
	}
	return err
}

func who(s detectors.Speaker, confidence float64) string {
	name := map[detectors.Speaker]string{detectors.SpeakerAgent: "坐席", detectors.SpeakerCustomer: "客户"}[s]
	switch {
	case name == "":
		return "未知:"
	case confidence < detectors.SpeakerCertain:
		return name + "?:"
	}
	return name + ":"
}

// milli rounds to three decimals: more is noise, and the same everywhere makes output comparable.
func milli(x float64) float64 { return math.Round(x*1000) / 1000 }

// clock writes seconds as m:ss or h:mm:ss.
func clock(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second)).Round(time.Second)
	h, m, s := int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60
	if h > 0 {
		return fmt.Sprintf("%d:%02d:%02d", h, m, s)
	}
	return fmt.Sprintf("%d:%02d", m, s)
}
