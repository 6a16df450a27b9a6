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
	at := func(step string, need Permission, handle func(http.ResponseWriter, *http.Request) error, summary string, asks any) endpoint {
		return endpoint{route{"POST /api/v1/recordings/{id}/" + step, need, handle, ""}, []string{"POST /recordings/{id}/" + step}, summary, asks, apiReviewBody{}}
	}
	return []endpoint{
		at("findings", permReview, c.apiAddFinding, "Add a finding that the rules missed", apiAddition{}),
		at("undo", permReview, c.apiUndo, "Take back one's own last act on the recording", apiVersioned{}),
		at("disposition", permReview, c.apiDispose, "Put on record what is done about the recording", apiDisposing{}),
		at("disposition/done", permFollow, c.apiDispositionDone, "Put on record that it was done", nil),
		at("speakers", permReview, c.apiSpeakers, "Say who really speaks; the recording is inspected again", apiSpeakers{}),
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

// apiAddition is a finding of a person.
type apiAddition struct {
	apiVersioned
	Rule string `json:"rule"`
	Turn *int   `json:"turn,omitempty" description:"index of the utterance; missing: about the whole recording"`
	From int    `json:"from,omitempty" description:"first character of the evidence in the utterance, from 0"`
	To   int    `json:"to,omitempty" description:"the character after the last"`
	Note string `json:"note,omitempty"`
}

// apiDisposing is what is done about a recording.
type apiDisposing struct {
	apiVersioned
	Kind string `json:"kind" enum:"advice,rectify,penalty,retrain,none" description:"none takes one back"`
	Note string `json:"note,omitempty"`
	Due  string `json:"due,omitempty" description:"day by which it must be done, 2006-01-02"`
	Told string `json:"told,omitempty" description:"who was told"`
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

// apiActed does a page's act on the recording of the address, and answers with the recording.
func (c *Console) apiActed(w http.ResponseWriter, r *http.Request, form url.Values, act func(http.ResponseWriter, *http.Request) error) error {
	if _, _, err := posted(r, form, act); err != nil {
		return err
	}
	if err := c.record(r, "recording.view"); err != nil { // the answer is all there is of it
		return err
	}
	return c.apiRecording(w, r)
}

func version(v apiVersioned) []string { return []string{strconv.FormatInt(v.Version, 10)} }

func (c *Console) apiAddFinding(w http.ResponseWriter, r *http.Request) error {
	var d apiAddition
	if err := body(w, r, &d); err != nil {
		return err
	}
	form := url.Values{"version": version(d.apiVersioned), "rule": {d.Rule}, "note": {d.Note}}
	if d.Turn != nil {
		form.Set("turn", strconv.Itoa(*d.Turn))
		form.Set("from", strconv.Itoa(d.From))
		form.Set("to", strconv.Itoa(d.To))
	}
	return c.apiActed(w, r, form, c.addFinding)
}

func (c *Console) apiUndo(w http.ResponseWriter, r *http.Request) error {
	var d apiVersioned
	if err := body(w, r, &d); err != nil {
		return err
	}
	return c.apiActed(w, r, url.Values{"version": version(d)}, c.undo)
}

func (c *Console) apiDispose(w http.ResponseWriter, r *http.Request) error {
	var d apiDisposing
	if err := body(w, r, &d); err != nil {
		return err
	}
	return c.apiActed(w, r, url.Values{"version": version(d.apiVersioned), "kind": {d.Kind}, "note": {d.Note}, "due": {d.Due}, "told": {d.Told}}, c.dispose)
}

func (c *Console) apiDispositionDone(w http.ResponseWriter, r *http.Request) error {
	return c.apiActed(w, r, nil, c.dispositionDone)
}

func (c *Console) apiSpeakers(w http.ResponseWriter, r *http.Request) error {
	var d apiSpeakers
	if err := body(w, r, &d); err != nil {
		return err
	}
	form := url.Values{"version": version(d.apiVersioned), "transcript": {d.Transcript}, "note": {d.Note}}
	if d.Swap {
		form.Set("swap", "1")
	}
	for _, t := range d.Turns {
		form.Add("turn", fmt.Sprintf("%d:%s", t.Turn, t.Speaker))
	}
	return c.apiActed(w, r, form, c.correctSpeakers)
}

// apiAudio sends the recording. The key says who listens, so the address needs no signature.
func (c *Console) apiAudio(w http.ResponseWriter, r *http.Request) error {
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		return errNotFound
	}
	return c.sendAudio(w, r, id.String())
}
