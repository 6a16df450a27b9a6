package web

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/speechqa/speechqa/detectors"
)

// reviewEndpoints are what is done on one recording, beside decisions. Each answers with the recording as it then stands.
func (c *Console) reviewEndpoints() []endpoint {
	at := func(step string, need Permission, handle handler, summary string, asks any) endpoint {
		return endpoint{route{"POST /api/v1/recordings/{id}/" + step, need, handle, ""}, []string{"POST /recordings/{id}/" + step}, summary, asks, apiReviewBody{}}
	}
	return []endpoint{
		at("findings", permReview, command(apiAddition.form, c.addFinding, c.apiActed), "Add a finding that the rules missed", apiAddition{}),
		at("undo", permReview, command(apiVersioned.form, c.undo, c.apiActed), "Take back one's own last act on the recording", apiVersioned{}),
		at("disposition", permReview, command(apiDisposing.form, c.dispose, c.apiActed), "Put on record what is done about the recording", apiDisposing{}),
		at("disposition/done", permFollow, command(wordless, c.dispositionDone, c.apiActed), "Put on record that it was done", nil),
		at("speakers", permReview, command(apiSpeakers.form, c.correctSpeakers, c.apiActed), "Say who really speaks; the recording is inspected again", apiSpeakers{}),
		{route{"GET /api/v1/recordings/{id}/state", permOwn, c.recordingState, ""}, []string{"GET /recordings/{id}/state"}, "How far a recording is", nil, stateData{}},
		{route{"GET /api/v1/recordings/{id}/audio", permListen, c.apiAudio, "recording.play"}, []string{"GET /recordings/{id}/audio", "GET /recordings/{id}/audio-address"},
			"The recording itself, any range of it; nothing in it is bleeped", nil, media("audio/*")},
		{route{"GET /api/v1/recordings/{id}/waveform", permListen, c.waveform, ""}, []string{"GET /recordings/{id}/waveform"}, "How loud each channel is, and where nobody or both speak", nil, waveformData{}},
	}
}

// apiVersioned is an act on what a program has read.
type apiVersioned struct {
	Version int64 `json:"version" description:"of the recording as it was read; 409 where it has changed"`
}

func (d apiVersioned) form() url.Values {
	return url.Values{"version": {strconv.FormatInt(d.Version, 10)}}
}

// apiAddition is a finding of a person.
type apiAddition struct {
	apiVersioned
	Rule string `json:"rule"`
	Turn *int   `json:"turn,omitempty" description:"index of the utterance; missing: about the whole recording"`
	From int    `json:"from,omitempty" description:"first character of the evidence in the utterance, from 0"`
	To   int    `json:"to,omitempty" description:"the character after the last"`
	Note string `json:"note,omitempty"`
}

func (d apiAddition) form() url.Values {
	f := d.apiVersioned.form()
	f.Set("rule", d.Rule)
	f.Set("note", d.Note)
	if d.Turn != nil {
		f.Set("turn", strconv.Itoa(*d.Turn))
		f.Set("from", strconv.Itoa(d.From))
		f.Set("to", strconv.Itoa(d.To))
	}
	return f
}

// apiDisposing is what is done about a recording.
type apiDisposing struct {
	apiVersioned
	Kind string `json:"kind" enum:"advice,rectify,penalty,retrain,none" description:"none takes one back"`
	Note string `json:"note,omitempty"`
	Due  string `json:"due,omitempty" description:"day by which it must be done, 2006-01-02"`
	Told string `json:"told,omitempty" description:"who was told"`
}

func (d apiDisposing) form() url.Values {
	f := d.apiVersioned.form()
	for name, value := range map[string]string{"kind": d.Kind, "note": d.Note, "due": d.Due, "told": d.Told} {
		f.Set(name, value)
	}
	return f
}

// apiSpeakers corrects who speaks.
type apiSpeakers struct {
	apiVersioned
	Transcript string         `json:"transcript" description:"transcript_hash of the recording as it was read"`
	Swap       bool           `json:"swap,omitempty" description:"agent and customer were taken for each other"`
	Turns      []apiSpeakerOf `json:"turns,omitempty"`
	Note       string         `json:"note,omitempty"`
}

type apiSpeakerOf struct {
	Turn    int    `json:"turn"`
	Speaker string `json:"speaker" enum:"agent,customer,unknown"`
}

func (d apiSpeakers) form() url.Values {
	f := d.apiVersioned.form()
	f.Set("transcript", d.Transcript)
	f.Set("note", d.Note)
	if d.Swap {
		f.Set("swap", "1")
	}
	for _, t := range d.Turns {
		f.Add("turn", fmt.Sprintf("%d:%s", t.Turn, t.Speaker))
	}
	return f
}

// apiDispositionMade is a disposition; the first of a recording is in force.
type apiDispositionMade struct {
	At     time.Time  `json:"at"`
	By     string     `json:"by"`
	Kind   string     `json:"kind"`
	Note   string     `json:"note,omitempty"`
	Due    string     `json:"due,omitempty"`
	Told   string     `json:"told,omitempty"`
	Done   *time.Time `json:"done,omitempty"`
	DoneBy string     `json:"done_by,omitempty"`
}

// apiEvent is a line of the review trail.
type apiEvent struct {
	At      time.Time `json:"at"`
	By      string    `json:"by,omitempty"`
	Action  string    `json:"action"`
	Finding string    `json:"finding,omitempty" description:"key"`
	Rule    string    `json:"rule,omitempty"`
	Reason  string    `json:"reason,omitempty"`
	Note    string    `json:"note,omitempty"`
	Score   int       `json:"score" description:"after it"`
}

// apiSlot is a part of what must be said.
type apiSlot struct {
	Rule  string `json:"rule"`
	Name  string `json:"name"`
	Title string `json:"title" description:"in Chinese"`
	Heard bool   `json:"heard"`
	Turn  *int   `json:"turn,omitempty" description:"where it was heard"`
	Quote string `json:"quote,omitempty"`
}

func apiSlots(slots map[string][]detectors.Slot) []apiSlot {
	out := []apiSlot{}
	for _, rule := range slices.Sorted(maps.Keys(slots)) {
		for _, s := range slots[rule] {
			x := apiSlot{Rule: rule, Name: s.Name, Title: s.Title, Heard: s.Heard, Quote: s.Quote}
			if s.Heard {
				x.Turn = &s.Turn
			}
			out = append(out, x)
		}
	}
	return out
}

// apiActed answers an act on a recording with the recording, which is a view of it on record: the act's own entry does not say
// that its words were read.
func (c *Console) apiActed(w http.ResponseWriter, r *http.Request) error {
	if err := c.record(r, "recording.view"); err != nil {
		return err
	}
	return c.apiRecording(w, r)
}

// apiAudio sends the recording. The key says who listens, so the address needs no signature.
func (c *Console) apiAudio(w http.ResponseWriter, r *http.Request) error {
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		return errNotFound
	}
	return c.sendAudio(w, r, id.String())
}
