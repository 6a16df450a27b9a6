package web

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/storage/postgres"
)

// other is who speaks where agent and customer were taken for each other.
var other = map[detectors.Speaker]detectors.Speaker{
	detectors.SpeakerAgent: detectors.SpeakerCustomer, detectors.SpeakerCustomer: detectors.SpeakerAgent,
	detectors.SpeakerUnknown: detectors.SpeakerUnknown,
}

// correctSpeakers has the recording inspected again with other speakers: both sides swapped (swap=1), or single
// utterances corrected (turn=INDEX:SPEAKER).
func (c *Console) correctSpeakers(w http.ResponseWriter, r *http.Request) error {
	a, _, err := c.act(w, r)
	if err != nil {
		return err
	}
	note, err := written(r, "note", maxNote)
	if err != nil {
		return err
	}
	change := postgres.Roles{}
	for _, s := range r.PostForm["turn"] {
		index, speaker, _ := strings.Cut(s, ":")
		i, err := strconv.Atoi(index)
		if _, known := other[detectors.Speaker(speaker)]; err != nil || !known {
			return errBadRequest
		}
		change[i] = detectors.Speaker(speaker)
	}
	if r.PostForm.Get("swap") != "" {
		review, err := c.store.Review(r.Context(), a.RecordingID)
		if err != nil {
			return fmt.Errorf("recording %s: %w", a.RecordingID, err)
		}
		for i, u := range review.Transcript.Utterances {
			if o, known := other[u.Speaker]; known && o != u.Speaker {
				change[i] = o
			}
		}
	}
	if len(change) == 0 {
		return errBadRequest
	}
	if err := c.store.CorrectSpeakers(r.Context(), a, r.PostForm.Get("transcript"), change, note); err != nil {
		return fmt.Errorf("correct the speakers of %s: %w", a.RecordingID, err)
	}
	return backTo(w, r, a.RecordingID)
}

// stateData is how far a recording is, and who else has it.
type stateData struct {
	State  string `json:"state"`
	Holder string `json:"holder,omitempty" description:"display name of somebody else who has it now"`
}

// recordingState tells a page that waits for the inspection how far it is, and one whose claim has run out who has the
// recording.
func (c *Console) recordingState(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	rec, err := c.store.Recording(r.Context(), id)
	if err != nil {
		return fmt.Errorf("state of %s: %w", id, err)
	}
	d := stateData{State: string(rec.State)}
	user, name, err := c.store.Holder(r.Context(), id)
	if err != nil {
		return fmt.Errorf("holder of %s: %w", id, err)
	}
	if user != visitorOf(r).user.ID {
		d.Holder = name
	}
	return writeJSON(w, d)
}
