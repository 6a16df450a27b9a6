package detectors

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// Label is a violation a person marked in a dialogue.
type Label struct {
	Rule  string `json:"rule"`
	Turn  int    `json:"turn"`
	Quote string `json:"quote"`
}

// Dialogue is one line of a dialogue file: a conversation and, where people have marked it, its labels.
type Dialogue struct {
	Conversation
	Labels []Label
}

type dialogueJSON struct {
	ID       *string         `json:"id"`
	Kind     *string         `json:"kind"`
	Metadata json.RawMessage `json:"metadata"`
	Facts    json.RawMessage `json:"facts"`
	Turns    []turnJSON      `json:"turns"`
	Labels   json.RawMessage `json:"labels"`
}

type turnJSON struct {
	Speaker           *string `json:"speaker"`
	Text              *string `json:"text"`
	Start             float64 `json:"start"`
	End               float64 `json:"end"`
	Confidence        float64 `json:"confidence"`
	SpeakerConfidence float64 `json:"speaker_confidence"`
	Words             []Word  `json:"words"`
}

// ParseDialogue reads one line of a dialogue file. Errors name the field; all of a line's errors come at once.
// Keys beyond those known are ignored; labels are read only when withLabels is set.
func ParseDialogue(line []byte, withLabels bool) (*Dialogue, error) {
	if !utf8.Valid(line) {
		return nil, errors.New("the line is not valid UTF-8")
	}
	var in dialogueJSON
	dec := json.NewDecoder(bytes.NewReader(line))
	if err := dec.Decode(&in); err != nil {
		return nil, jsonError(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one JSON value in the line")
	}
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	d := &Dialogue{}
	if in.ID == nil || *in.ID == "" {
		bad("id: missing")
	} else {
		d.ID = *in.ID
	}
	switch {
	case in.Kind == nil:
		bad("kind: missing (call or visit)")
	case *in.Kind != string(KindCall) && *in.Kind != string(KindVisit):
		bad("kind: %q is neither call nor visit", *in.Kind)
	default:
		d.Kind = Kind(*in.Kind)
	}
	if len(in.Metadata) > 0 {
		if err := d.metadata(in.Metadata); err != nil {
			bad("metadata: %w", err)
		}
	}
	if len(in.Facts) > 0 {
		if err := json.Unmarshal(in.Facts, &d.Facts); err != nil {
			bad("facts: %w", jsonError(err))
		}
	}
	if len(in.Turns) == 0 {
		bad("turns: empty")
	}
	for i, t := range in.Turns {
		u := Utterance{Start: t.Start, End: t.End, Confidence: t.Confidence, SpeakerConfidence: t.SpeakerConfidence, Words: t.Words}
		switch {
		case t.Speaker == nil:
			bad("turns[%d].speaker: missing", i)
		case *t.Speaker != "agent" && *t.Speaker != "customer" && *t.Speaker != "unknown":
			bad("turns[%d].speaker: %q is none of agent, customer, unknown", i, *t.Speaker)
		default:
			u.Speaker = Speaker(*t.Speaker)
		}
		if t.Text == nil {
			bad("turns[%d].text: missing", i)
		} else {
			u.Text = *t.Text
		}
		if u.End < u.Start {
			bad("turns[%d].end: %g is before start %g", i, u.End, u.Start)
		}
		for k, w := range u.Words {
			if w.Start < 0 || w.End < w.Start || w.End > len(u.Text) {
				bad("turns[%d].words[%d]: bytes %d–%d lie outside the text", i, k, w.Start, w.End)
				break
			}
		}
		d.Utterances = append(d.Utterances, u)
	}
	if withLabels && len(in.Labels) > 0 {
		if err := json.Unmarshal(in.Labels, &d.Labels); err != nil {
			bad("labels: %w", jsonError(err))
		}
		for i, l := range d.Labels {
			if l.Turn < -1 || l.Turn >= len(d.Utterances) {
				bad("labels[%d].turn: there is no turn %d", i, l.Turn)
			}
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return d, nil
}

// metadata reads the known keys; what else is there goes into Extra. A callee nobody knows is an error.
func (d *Dialogue) metadata(raw json.RawMessage) error {
	var m struct {
		Metadata
		StartedAt string `json:"started_at"`
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return jsonError(err)
	}
	d.Metadata = m.Metadata
	switch m.Callee {
	case "", "debtor", "third_party", "unknown":
	default:
		return fmt.Errorf("callee: %q is none of debtor, third_party, unknown", m.Callee)
	}
	if m.StartedAt == "" {
		return nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04"} {
		// Times without a zone are Chinese time: that is where the calls are made.
		if t, err := time.ParseInLocation(layout, m.StartedAt, time.FixedZone("CST", 8*3600)); err == nil {
			d.Metadata.StartedAt = t
			return nil
		}
	}
	return fmt.Errorf("started_at: %q is not an ISO 8601 time", m.StartedAt)
}

// jsonError names the field where the JSON decoder knows it.
func jsonError(err error) error {
	var te *json.UnmarshalTypeError
	if errors.As(err, &te) {
		return fmt.Errorf("%s: cannot be a %s", strings.TrimPrefix(te.Field, "."), te.Value)
	}
	var se *json.SyntaxError
	if errors.As(err, &se) {
		return fmt.Errorf("malformed JSON at byte %d: %w", se.Offset, err)
	}
	return fmt.Errorf("malformed JSON: %w", err)
}
