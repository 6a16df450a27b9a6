package web

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/storage/postgres"
)

// leadIn is how long before the evidence playing starts, in seconds, so that a person hears what led to it.
const leadIn = 3.0

type recordingData struct {
	postgres.Review
	Rules     []ruleGroup
	Turns     []turn
	SlotSets  []slotSet
	AudioURL  string // empty where the role may not listen or there is nothing to hear
	Open      int
	Reasons   []string
	LeadIn    float64
	Playable  bool
	MayJudge  bool           // the visitor's role may, and the recording is inspected
	MayFollow bool           // the visitor may say that a disposition was done
	MyClaim   bool           // the visitor has claimed it, and something waits for a decision
	ClaimOver bool           // nobody has it now
	Again     bool           // it waits for another inspection
	Judged    map[string]int // findings by verdict
	Running   []RunningRule  // rules a finding can be added for
	NotHit    []RunningRule  // of these, those without a finding
	Kinds     []postgres.DispositionKind
	Today     time.Time // by the console's clock, midnight UTC, as days are kept
	Masked    bool      // numbers are hidden
	Unmasked  bool      // numbers that would be hidden are shown, for a while
}

// ruleGroup is one rule with its findings, worst rules first.
type ruleGroup struct {
	Rule     string
	Severity detectors.Severity
	Findings []findingView
}

// findingView is a finding with what the page must know to offer its decision.
type findingView struct {
	postgres.JudgedFinding
	RecordingID string
	StartedAt   time.Time
	Version     int64
	MayJudge    bool
	Reasons     []string
	MayPropose  bool // as an example of its rule
}

type slotSet struct {
	Rule  string
	Slots []slotView
	Heard int
}

type slotView struct {
	detectors.Slot
	At    float64 // seconds, of the utterance it was heard in
	Timed bool
}

// recordingPage shows one recording: findings, dialogue, score.
func (c *Console) recordingPage(w http.ResponseWriter, r *http.Request) error {
	review, err := c.review(r)
	if err != nil {
		return err
	}
	v := visitorOf(r)
	masked, plain := false, c.unmasked(r, review.Recording.ID)
	if !plain {
		masked = maskReview(&review)
	}
	d := recordingData{Review: review, Masked: masked, Unmasked: plain, LeadIn: leadIn, Reasons: overturnReasons,
		Turns: dialogue(review.Transcript.Utterances, review.Findings)}
	d.MayJudge = may(Role(v.user.Role), permReview) && review.Recording.State == pipeline.StateInspected
	d.MayFollow = may(Role(v.user.Role), permFollow)
	d.Again = review.Stale || review.Recording.State == pipeline.StateTranscribed && review.Inspections > 0
	d.Rules, d.Kinds = groupByRule(review, d.MayJudge), dispositionKinds
	if may(Role(v.user.Role), permRules) {
		offerExamples(d.Rules)
	}
	d.Running = c.rules.Running(review.Recording.Kind)
	d.judged()
	y, m, day := time.Now().In(c.loc).Date()
	d.Today = time.Date(y, m, day, 0, 0, 0, 0, time.UTC)
	for i := range d.Turns {
		_, d.Turns[i].Corrected = review.Roles[i]
	}
	d.SlotSets = slotSets(review)
	for _, f := range review.Findings {
		if f.Verdict == postgres.VerdictOpen && !f.Shadow {
			d.Open++
		}
	}
	d.MyClaim = d.MayJudge && d.Open > 0 && review.AssigneeID == v.user.ID && !review.ClaimUntil.IsZero()
	d.ClaimOver = review.Assignee == ""
	d.Playable = !slices.Contains([]pipeline.State{pipeline.StateFailed, pipeline.StateDiscovered, pipeline.StateDisposed}, review.Recording.State)
	if d.Playable && may(Role(v.user.Role), permListen) {
		if d.AudioURL, err = c.audioURL(r, review.Recording.ID); err != nil {
			return err
		}
	}
	return c.render(w, r, http.StatusOK, "recording", d)
}

// judged counts findings by verdict, and finds the rules without one.
func (d *recordingData) judged() {
	d.Judged = map[string]int{}
	hit := map[string]bool{}
	for _, f := range d.Findings {
		if !f.Shadow {
			d.Judged[string(f.Verdict)]++
			hit[f.Rule] = true
		}
	}
	for _, r := range d.Running {
		if !hit[r.ID] {
			d.NotHit = append(d.NotHit, r)
		}
	}
}

// review loads the recording that the address names.
func (c *Console) review(r *http.Request) (postgres.Review, error) {
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		return postgres.Review{}, errNotFound
	}
	review, err := c.store.Review(r.Context(), id.String())
	if err != nil {
		return postgres.Review{}, fmt.Errorf("recording %s: %w", id, err)
	}
	if !may(Role(visitorOf(r).user.Role), permRules) { // what rules on shadow find is for those who try them
		review.Findings = slices.DeleteFunc(review.Findings, func(f postgres.JudgedFinding) bool { return f.Shadow })
	}
	return review, nil
}

func groupByRule(review postgres.Review, mayJudge bool) []ruleGroup {
	var groups []ruleGroup
	at := map[string]int{}
	for _, f := range review.Findings {
		i, ok := at[f.Rule]
		if !ok {
			i = len(groups)
			at[f.Rule] = i
			groups = append(groups, ruleGroup{Rule: f.Rule, Severity: f.Severity})
		}
		groups[i].Findings = append(groups[i].Findings, findingView{f, review.Recording.ID, review.Recording.Metadata.StartedAt, review.Version,
			mayJudge && !f.Shadow, overturnReasons, false})
	}
	slices.SortStableFunc(groups, func(a, b ruleGroup) int {
		return cmp.Compare(slices.Index(severities, a.Severity), slices.Index(severities, b.Severity))
	})
	return groups
}

func slotSets(review postgres.Review) []slotSet {
	var sets []slotSet
	for rule, slots := range review.Slots {
		s := slotSet{Rule: rule}
		for _, slot := range slots {
			v := slotView{Slot: slot}
			if slot.Heard {
				s.Heard++
				if us := review.Transcript.Utterances; slot.Turn >= 0 && slot.Turn < len(us) {
					v.At, v.Timed = us[slot.Turn].Start, us[slot.Turn].End > 0
				}
			}
			s.Slots = append(s.Slots, v)
		}
		sets = append(sets, s)
	}
	slices.SortFunc(sets, func(a, b slotSet) int { return cmp.Compare(a.Rule, b.Rule) })
	return sets
}
