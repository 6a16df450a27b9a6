package postgres

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/pipeline/audio"
)

// ErrNotFound is returned when a row asked for by its id is not there.
var ErrNotFound = errors.New("not found")

// ErrConflict is returned when somebody else has changed the row since it was read.
var ErrConflict = errors.New("changed by somebody else meanwhile")

// User is a person who may log in.
type User struct {
	ID           string // UUID
	Name         string // log-in name, unique without regard to case
	DisplayName  string
	PasswordHash string // argon2id, PHC format
	Role         string
	Lang         string // zh or en; empty: Chinese
	Disabled     bool
	CreatedAt    time.Time
	Principals   []string // whose recordings the user sees; what empty means depends on the role, see web.ScopeOf
	Teams        []string
	AgentID      string // of a user who is an agent

	PasswordSetAt time.Time
	MustChange    bool   // the password was set by somebody else: to be changed at the next log-in
	TOTPSecret    string // key of the second factor, as it is kept; empty: none
}

// Verdict is what a person decided about a finding.
type Verdict string

// Verdicts. A finding nobody has judged has VerdictOpen.
const (
	VerdictOpen       Verdict = "open"
	VerdictConfirmed  Verdict = "confirmed"
	VerdictOverturned Verdict = "overturned"
)

// ListStatus narrows the list to recordings in one stage of review.
type ListStatus string

// Stages of review. The zero value means every recording.
const (
	StatusAll      ListStatus = ""
	StatusToJudge  ListStatus = "to_judge" // inspected, with at least one live finding nobody has judged
	StatusReviewed ListStatus = "reviewed" // had findings, all judged
	StatusClean    ListStatus = "clean"    // inspected, no live finding
	StatusFailed   ListStatus = "failed"   // gave up; Reason says why
	StatusPending  ListStatus = "pending"  // discovered or transcribed
)

// ListFilter narrows the list; zero fields do not narrow.
type ListFilter struct {
	Status    ListStatus
	Kind      detectors.Kind
	Rule      string
	Severity  detectors.Severity
	Agent     string // agent id, exact
	Team      string
	Principal string
	From, To  time.Time // of the contact; From inclusive, To exclusive
	MinScore  int       // only recordings scored at least this
	MaxScore  int       // 0 means any; otherwise only recordings scored at most this
	Assignee  string    // user id of who has it now, or AssigneeNobody
	Complaint bool      // only recordings in which a complaint was threatened
	Doubtful  bool      // only recordings with a doubtful finding nobody has judged
	Query     string    // recording id, file name or its beginning, agent, case number, phone tail, words in the transcript
	After     string    // cursor: ListPage.Next of the page before
	Limit     int       // 1..200
}

// AssigneeNobody is the ListFilter.Assignee of recordings that nobody has.
const AssigneeNobody = "nobody"

// ComplaintRule is the rule whose findings say that a complaint was threatened.
const ComplaintRule = "complaint_risk"

// ListPage is one page of the list, worst first: fatal, then score, then age.
type ListPage struct {
	Rows []ListRow
	Next string // cursor of the next page; empty on the last
	// Capped says that ListFilter.Query fits more recordings than are put in order; the filters narrow it.
	Capped bool
	// Back is the day, midnight in UTC, back to which ListFilter.Query's words were looked for, where recordings before
	// it were not; a filter up to the day before goes on from there.
	Back time.Time
}

// ListRow is a recording as the list shows it.
type ListRow struct {
	ID         string
	Key        string
	Kind       detectors.Kind
	Metadata   detectors.Metadata
	State      pipeline.State
	Reason     string
	Duration   float64 // seconds
	Score      int     // meaningful when State is inspected
	Fatal      bool
	Open       int // live findings nobody has judged
	Confirmed  int
	Overturned int
	Rules      []RuleCount // of findings that are not overturned and not shadow, worst severity first
	CreatedAt  time.Time   // when the recording was discovered
	Assignee   string      // display name of who has it now; empty for nobody
}

// RuleCount is how often a rule hit in a recording.
type RuleCount struct {
	Rule     string
	Severity detectors.Severity
	Count    int
	Doubtful bool // every one of them is doubtful
}

// Review is everything the recording page shows.
type Review struct {
	Recording      pipeline.Recording
	CreatedAt      time.Time
	Audio          audio.Facts
	Peaks          []audio.Peaks
	Transcript     detectors.Transcript
	TranscriptHash string
	Score          int
	Fatal          bool
	RulesetHash    string
	EngineVersion  string
	Profile        string // the principal's profile and its version that judged it, as name/version; empty for none
	Slots          map[string][]detectors.Slot
	Findings       []JudgedFinding     // in the order of their start; shadow findings included
	Trail          []ReviewEvent       // newest first
	Version        int64               // optimistic lock: Decide with an older one gives ErrConflict
	Original       string              // id of the recording with the same audio, when State is duplicate
	Dispositions   []Disposition       // newest first: the first is in force
	Corrections    []SpeakerCorrection // newest first
	Roles          Roles               // speakers that people corrected; Transcript has them already
	Inspections    int                 // how often it was inspected
	Stale          bool                // other rules are live by now: it waits to be inspected again
	AssigneeID     string              // user id of who has it, also after a claim has run out; empty for nobody
	Assignee       string              // display name of who has it now; empty for nobody
	ClaimUntil     time.Time           // when the claim of AssigneeID runs out, or ran out; zero where it does not
}

// JudgedFinding is a finding with the last decision about it.
type JudgedFinding struct {
	detectors.Finding
	Verdict Verdict
	Reason  string // code of why, e.g. misheard, wrong_speaker, context, other; empty where none was asked
	Note    string // what the reviewer wrote
	By      string // display name of who decided
	At      time.Time
	Added   bool // by a reviewer, not by a rule
}

// Decision is a reviewer's word on one finding.
type Decision struct {
	RecordingID string
	FindingKey  string
	Verdict     Verdict // VerdictOpen takes an earlier decision back
	Reason      string  // code, see JudgedFinding
	Note        string
	UserID      string
	Origin      string // network address, for the audit log
	Version     int64  // Review.Version the reviewer saw
}

// ReviewEvent is one step of the review trail; nothing of it is ever changed.
type ReviewEvent struct {
	At         time.Time
	By         string // display name
	Action     string // confirmed | overturned | reopened | added | disposition | claimed | …
	FindingKey string // empty for events about the whole recording
	Rule       string
	Reason     string // code, see JudgedFinding
	Note       string
	Score      int             // after the event
	Detail     json.RawMessage // action-specific; may be null
}

// Facets are the values the list's filters offer.
type Facets struct {
	Agents     []string
	Teams      []string
	Principals []string
	Rules      []string
}
