package postgres

import (
	"time"

	"github.com/speechqa/speechqa/detectors"
)

// TrendBy is what the trends are grouped by.
type TrendBy string

// The groupings of the trends.
const (
	ByAgent     TrendBy = "agent"
	ByTeam      TrendBy = "team"
	ByPrincipal TrendBy = "principal"
	ByRule      TrendBy = "rule"
	ByWeek      TrendBy = "week" // weeks from Monday
	ByDay       TrendBy = "day"
)

// TrendFilter narrows what figures count: recordings by the day of the contact. Zero fields do not narrow.
type TrendFilter struct {
	By        TrendBy
	From, To  time.Time // dates, of which only year, month and day count; From inclusive, To exclusive; both needed
	Agent     string    // agent id
	Team      string
	Principal string
	Kind      detectors.Kind
	Rule      string // only findings of this rule count; recordings are all
}

// TrendRow is one group of the trends.
type TrendRow struct {
	Key        string // agent id, team, principal, rule id, the day or the Monday of the week as 2006-01-02
	Name       string // agent's name where known; otherwise Key
	Team       string // of an agent
	Received   int    // recordings that came in, copies not
	Recordings int    // of these, inspected; with ByRule those of all rules
	Failed     int    // of Received, given up
	Flagged    int    // of Recordings, with at least one finding that stands: live, certain or confirmed, not overturned
	Judged     int    // of Recordings, with findings, none of which waits for a person
	Findings   int    // that stand
	Open       int    // findings that wait for a person
	Confirmed  int
	Overturned int
	Fatal      int     // recordings
	Score      float64 // mean of Recordings; 0 for ByRule
	Seconds    int     // of audio inspected
}

// HeatCell is in how many recordings of a group a rule stands.
type HeatCell struct {
	Key, Rule string // of the grouping that was asked for
	Flagged   int
	Findings  int
}
