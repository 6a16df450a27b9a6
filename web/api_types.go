package web

import (
	"time"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/storage/postgres"
)

// The API's own shapes: what the program's types are called inside may change, these may not.

// apiPage is one page of a list; Next, where it is not empty, is the next page's after.
type apiPage[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"`
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

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
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
	Speaker    string  `json:"speaker"`
	Channel    int     `json:"channel"`
	Start      float64 `json:"start"`
	End        float64 `json:"end"`
	Text       string  `json:"text"`
	Confidence float64 `json:"confidence"`
}

type apiReviewBody struct {
	apiRecording
	SHA256     string         `json:"sha256,omitempty"`
	Ruleset    string         `json:"ruleset,omitempty"`
	Version    int64          `json:"version"`
	Findings   []apiFinding   `json:"findings"`
	Transcript []apiUtterance `json:"transcript"`
}

func apiReview(r postgres.Review) apiReviewBody {
	rec := r.Recording
	out := apiReviewBody{apiRecording: apiRecordingOf(rec.ID, rec.Object.Key, rec.Kind, rec.State, rec.Reason, rec.Metadata, rec.Duration, r.Score, r.Fatal),
		SHA256: rec.SHA256, Ruleset: r.RulesetHash, Version: r.Version, Findings: []apiFinding{}, Transcript: []apiUtterance{}}
	for _, f := range r.Findings {
		if f.Shadow {
			continue // on trial: it counts for nobody, so no program gets it
		}
		out.Findings = append(out.Findings, apiFinding{Key: f.Key, Rule: f.Rule, Severity: string(f.Severity), Turn: f.Turn, Quote: f.Quote, Start: f.Start, End: f.End,
			Term: f.Term, How: f.How, Confidence: f.Confidence, Doubtful: f.Doubtful, Why: f.Why, Verdict: string(f.Verdict), Reason: f.Reason,
			Note: f.Note, By: f.By, At: moment(f.At)})
	}
	for _, u := range r.Transcript.Utterances {
		out.Transcript = append(out.Transcript, apiUtterance{string(u.Speaker), u.Channel, u.Start, u.End, u.Text, u.Confidence})
	}
	return out
}

type apiClipBody struct {
	ID        string    `json:"id"`
	Recording string    `json:"recording"`
	From      float64   `json:"from"`
	To        float64   `json:"to"`
	Title     string    `json:"title"`
	Note      string    `json:"note,omitempty"`
	Tags      []string  `json:"tags"`
	Example   string    `json:"example"`
	Rule      string    `json:"rule,omitempty"`
	Finding   string    `json:"finding,omitempty"`
	By        string    `json:"by"`
	CreatedAt time.Time `json:"created_at"`
	Version   int64     `json:"version"`
	Text      []string  `json:"text,omitempty"` // masked; of one clip only
}

func apiClipOf(k postgres.Clip, lines []clipLine) apiClipBody {
	out := apiClipBody{ID: k.ID, Recording: k.Recording, From: k.From, To: k.To, Title: k.Title, Note: k.Note, Tags: append([]string{}, k.Tags...), Example: string(k.Example),
		Rule: k.Rule, Finding: k.Finding, By: k.By, CreatedAt: k.CreatedAt.UTC(), Version: k.Version}
	for _, l := range lines {
		out.Text = append(out.Text, string(l.Speaker)+": "+l.Masked)
	}
	return out
}

type apiAppeal struct {
	ID          string     `json:"id"`
	Recording   string     `json:"recording"`
	Finding     string     `json:"finding"`
	Rule        string     `json:"rule"`
	Quote       string     `json:"quote,omitempty"`
	Reason      string     `json:"reason"`
	By          string     `json:"by"`
	At          time.Time  `json:"at"`
	FirstBy     string     `json:"first_by"`
	FirstAt     time.Time  `json:"first_at"`
	ScoreBefore int        `json:"score_before"`
	Outcome     string     `json:"outcome,omitempty"`
	DecidedBy   string     `json:"decided_by,omitempty"`
	DecidedAt   *time.Time `json:"decided_at,omitempty"`
	Note        string     `json:"note,omitempty"`
	ScoreAfter  *int       `json:"score_after,omitempty"`
}

func apiAppealOf(a postgres.Appeal) apiAppeal {
	out := apiAppeal{ID: a.ID, Recording: a.Recording, Finding: a.Finding.Key, Rule: a.Finding.Rule, Quote: a.Finding.Quote, Reason: a.Reason, By: a.By, At: a.At.UTC(),
		FirstBy: a.FirstBy, FirstAt: a.FirstAt.UTC(), ScoreBefore: a.ScoreBefore, Outcome: string(a.Outcome), DecidedBy: a.DecidedBy, DecidedAt: moment(a.DecidedAt), Note: a.Note}
	if a.Outcome != "" {
		out.ScoreAfter = &a.ScoreAfter
	}
	return out
}

type apiTrends struct {
	By     string     `json:"by"`
	From   string     `json:"from"`
	To     string     `json:"to"`
	Median float64    `json:"median"`
	Rows   []apiTrend `json:"rows"`
}

type apiTrend struct {
	Key        string  `json:"key"`
	Name       string  `json:"name"`
	Team       string  `json:"team,omitempty"`
	Recordings int     `json:"recordings"`
	Flagged    int     `json:"flagged"`
	Findings   int     `json:"findings"`
	Confirmed  int     `json:"confirmed"`
	Overturned int     `json:"overturned"`
	Rate       float64 `json:"rate"`
	Low        float64 `json:"low"`
	High       float64 `json:"high"`
	Verdict    string  `json:"verdict"`
}
