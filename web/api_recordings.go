package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/storage/postgres"
)

// apiListQuery is the filter of the list.
type apiListQuery struct {
	Status    string `query:"status" enum:"to_judge,reviewed,clean,failed,pending,all" description:"stage of review; all unless told"`
	Kind      string `query:"kind" enum:"call,visit"`
	Rule      string `query:"rule" description:"with a finding of this rule"`
	Severity  string `query:"severity" enum:"critical,major,minor,info" description:"with a finding of this severity"`
	Agent     string `query:"agent" description:"agent id"`
	Team      string `query:"team"`
	Principal string `query:"principal"`
	From      string `query:"from" description:"first day, 2006-01-02"`
	To        string `query:"to" description:"last day, 2006-01-02"`
	Score     string `query:"score" description:"scored at most this, or a range as 0-59"`
	Doubtful  string `query:"doubtful" description:"any value: with a doubtful finding to judge"`
	Complaint string `query:"complaint" description:"any value: at risk of a complaint"`
	Assignee  string `query:"assignee" description:"user id, or nobody"`
	Q         string `query:"q" description:"id, object name, agent, case number, phone tail, words"`
	apiPaging
}

func (c *Console) recordingEndpoints() []endpoint {
	return []endpoint{
		{route{"GET /api/v1/recordings", permOwn, c.apiList, ""}, []string{"GET /{$}"}, "Recordings within the scope, worst first", apiListQuery{}, apiPage[apiListRow]{}},
		{route{"GET /api/v1/recordings/{id}", permOwn, c.apiRecording, "recording.view"}, []string{"GET /recordings/{id}"}, "One recording with findings and transcript", nil, apiReviewBody{}},
		{route{"GET /api/v1/recordings/{id}/findings", permOwn, c.apiFindings, "recording.view"}, nil, "The findings of one recording", nil, apiPage[apiFinding]{}},
		{route{"POST /api/v1/recordings/{id}/findings/{key}/decision", permReview, command(apiDecision.form, c.decide, c.apiActed), ""}, []string{"POST /recordings/{id}/findings/{key}"},
			"Decide on a finding; the answer is the recording as it then stands", apiDecision{}, apiReviewBody{}},
	}
}

func (c *Console) apiList(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	f, err := c.listFilter(q)
	if err != nil {
		return err
	}
	if !q.Has("status") {
		f.Status = postgres.StatusAll
	}
	if f.Limit, err = apiLimit(q); err != nil {
		return err
	}
	page, err := c.store.List(r.Context(), visitorOf(r).scope, f)
	if err != nil {
		return fmt.Errorf("list: %w", err)
	}
	out := apiPage[apiListRow]{Items: []apiListRow{}, Next: page.Next}
	for _, row := range page.Rows {
		out.Items = append(out.Items, apiRow(row))
	}
	return writeJSON(w, out)
}

func (c *Console) apiRecording(w http.ResponseWriter, r *http.Request) error {
	review, err := c.review(r)
	if err != nil {
		return err
	}
	maskReview(&review)
	return writeJSON(w, apiReview(review))
}

func (c *Console) apiFindings(w http.ResponseWriter, r *http.Request) error {
	review, err := c.review(r)
	if err != nil {
		return err
	}
	maskReview(&review)
	return writeJSON(w, apiPage[apiFinding]{Items: apiReview(review).Findings})
}

// apiDecision is what a reviewer says of a finding.
type apiDecision struct {
	Verdict string `json:"verdict" enum:"confirmed,overturned,open" description:"open takes a decision back"`
	Reason  string `json:"reason,omitempty" enum:"negation,context,misheard,wrong_speaker,not_agent_duty,rule_wrong,other" description:"of an overturned finding; other needs a note"`
	Note    string `json:"note,omitempty"`
	Version int64  `json:"version" description:"of the recording as it was read; 409 where it has changed"`
}

func (d apiDecision) form() url.Values {
	return url.Values{"verdict": {d.Verdict}, "reason": {d.Reason}, "note": {d.Note}, "version": {strconv.FormatInt(d.Version, 10)}}
}

// apiRecording is what every answer about a recording begins with.
type apiRecording struct {
	ID        string     `json:"id"`
	Key       string     `json:"key"`
	Kind      string     `json:"kind"`
	State     string     `json:"state"`
	Reason    string     `json:"reason,omitempty"`
	AgentID   string     `json:"agent_id,omitempty"`
	AgentName string     `json:"agent_name,omitempty"`
	Team      string     `json:"team,omitempty"`
	Principal string     `json:"principal,omitempty"`
	CaseID    string     `json:"case_id,omitempty"`
	StartedAt *time.Time `json:"started_at,omitempty"`
	Duration  float64    `json:"duration"`
	Score     *int       `json:"score,omitempty"`
	Fatal     bool       `json:"fatal"`
}

type apiListRow struct {
	apiRecording
	Open       int       `json:"open"`
	Confirmed  int       `json:"confirmed"`
	Overturned int       `json:"overturned"`
	Rules      []apiRule `json:"rules"`
}

type apiRule struct {
	Rule     string `json:"rule"`
	Severity string `json:"severity"`
	Count    int    `json:"count"`
	Doubtful bool   `json:"doubtful"`
}

func apiRecordingOf(id, key string, kind detectors.Kind, state pipeline.State, reason string, m detectors.Metadata, duration float64, score int, fatal bool) apiRecording {
	out := apiRecording{ID: id, Key: key, Kind: string(kind), State: string(state), Reason: reason, AgentID: m.AgentID, AgentName: m.AgentName,
		Team: m.Team, Principal: m.Principal, CaseID: m.CaseID, StartedAt: moment(m.StartedAt), Duration: duration, Fatal: fatal}
	if state == pipeline.StateInspected {
		out.Score = &score
	}
	return out
}

func apiRow(r postgres.ListRow) apiListRow {
	out := apiListRow{apiRecording: apiRecordingOf(r.ID, maskNumbers(r.Key), r.Kind, r.State, r.Reason, r.Metadata, r.Duration, r.Score, r.Fatal),
		Open: r.Open, Confirmed: r.Confirmed, Overturned: r.Overturned, Rules: []apiRule{}}
	for _, c := range r.Rules {
		out.Rules = append(out.Rules, apiRule{c.Rule, string(c.Severity), c.Count, c.Doubtful})
	}
	return out
}

type apiFinding struct {
	Key        string     `json:"key"`
	Rule       string     `json:"rule"`
	Severity   string     `json:"severity"`
	Turn       int        `json:"turn"`
	Quote      string     `json:"quote"`
	Start      float64    `json:"start"`
	End        float64    `json:"end"`
	Term       string     `json:"term,omitempty"`
	How        string     `json:"how"`
	Confidence float64    `json:"confidence"`
	Doubtful   bool       `json:"doubtful"`
	Why        string     `json:"why"`
	Verdict    string     `json:"verdict"`
	Reason     string     `json:"reason,omitempty"`
	Note       string     `json:"note,omitempty"`
	By         string     `json:"by,omitempty"`
	At         *time.Time `json:"at,omitempty"`
}

type apiUtterance struct {
	Speaker           string  `json:"speaker"`
	Channel           int     `json:"channel"`
	Start             float64 `json:"start" description:"seconds"`
	End               float64 `json:"end"`
	Text              string  `json:"text"`
	Confidence        float64 `json:"confidence" description:"0 to 1; 0: not known"`
	SpeakerConfidence float64 `json:"speaker_confidence,omitempty" description:"missing: certain"`
}

// apiRemoved is text that was taken out of the transcript.
type apiRemoved struct {
	Channel int     `json:"channel"`
	Start   float64 `json:"start" description:"seconds"`
	End     float64 `json:"end"`
	Text    string  `json:"text"`
	Reason  string  `json:"reason" enum:"outside_speech,repetition,known_phrase,speaking_rate,low_probability"`
}

type apiReviewBody struct {
	apiRecording
	SHA256         string               `json:"sha256,omitempty"`
	Ruleset        string               `json:"ruleset,omitempty" description:"hash"`
	Profile        string               `json:"profile,omitempty" description:"of the principal, and its version"`
	Version        int64                `json:"version" description:"goes with every act on the recording"`
	Stale          bool                 `json:"stale" description:"other rules are live by now: it waits to be inspected again"`
	Assignee       string               `json:"assignee,omitempty" description:"who has it now"`
	Findings       []apiFinding         `json:"findings"`
	Slots          []apiSlot            `json:"slots" description:"what must be said, and what of it was"`
	Transcript     []apiUtterance       `json:"transcript"`
	TranscriptHash string               `json:"transcript_hash,omitempty"`
	Removed        []apiRemoved         `json:"removed" description:"text that the recogniser made up"`
	Dispositions   []apiDispositionMade `json:"dispositions" description:"the newest first"`
	Trail          []apiEvent           `json:"trail" description:"the newest first"`
}

func apiReview(r postgres.Review) apiReviewBody {
	rec := r.Recording
	out := apiReviewBody{apiRecording: apiRecordingOf(rec.ID, rec.Object.Key, rec.Kind, rec.State, rec.Reason, rec.Metadata, rec.Duration, r.Score, r.Fatal),
		SHA256: rec.SHA256, Ruleset: r.RulesetHash, Profile: r.Profile, Version: r.Version, Stale: r.Stale, Assignee: r.Assignee, Findings: []apiFinding{}, Slots: apiSlots(r.Slots),
		Transcript: []apiUtterance{}, TranscriptHash: r.TranscriptHash, Removed: []apiRemoved{}, Dispositions: []apiDispositionMade{}, Trail: []apiEvent{}}
	for _, x := range r.Transcript.Removed {
		out.Removed = append(out.Removed, apiRemoved(x))
	}
	for _, d := range r.Dispositions {
		x := apiDispositionMade{At: d.At.UTC(), By: d.By, Kind: string(d.Kind), Note: d.Note, Told: d.Told, Done: moment(d.Done), DoneBy: d.DoneBy}
		if !d.Due.IsZero() {
			x.Due = d.Due.Format(time.DateOnly)
		}
		out.Dispositions = append(out.Dispositions, x)
	}
	for _, e := range r.Trail {
		out.Trail = append(out.Trail, apiEvent{e.At.UTC(), e.By, e.Action, e.FindingKey, e.Rule, e.Reason, e.Note, e.Score})
	}
	for _, f := range r.Findings {
		if f.Shadow {
			continue // on trial: it counts for nobody, so no program gets it
		}
		out.Findings = append(out.Findings, apiFinding{Key: f.Key, Rule: f.Rule, Severity: string(f.Severity), Turn: f.Turn, Quote: f.Quote, Start: f.Start, End: f.End,
			Term: f.Term, How: f.How, Confidence: f.Confidence, Doubtful: f.Doubtful, Why: f.Why, Verdict: string(f.Verdict), Reason: f.Reason,
			Note: f.Note, By: f.By, At: moment(f.At)})
	}
	for _, u := range r.Transcript.Utterances {
		out.Transcript = append(out.Transcript, apiUtterance{string(u.Speaker), u.Channel, u.Start, u.End, u.Text, u.Confidence, u.SpeakerConfidence})
	}
	return out
}
