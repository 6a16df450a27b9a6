package postgres

import "time"

// TrendBy is what the trends are grouped by.
type TrendBy string

// The groupings of the trends.
const (
	ByAgent     TrendBy = "agent"
	ByTeam      TrendBy = "team"
	ByPrincipal TrendBy = "principal"
	ByRule      TrendBy = "rule"
	ByWeek      TrendBy = "week" // weeks from Monday, in TrendFilter.Zone
)

// TrendFilter narrows what the trends count: inspected recordings by the time of the contact.
type TrendFilter struct {
	By        TrendBy
	From, To  time.Time // From inclusive, To exclusive; both needed
	Team      string    // empty: all
	Principal string    // empty: all
	Rule      string    // empty: any rule counts
	Zone      string    // IANA name, for weeks
}

// TrendRow is one group of the trends.
type TrendRow struct {
	Key        string // agent id, team, principal, rule id, or the Monday of the week as 2006-01-02
	Name       string // agent's name where known; otherwise Key
	Team       string // of an agent
	Recordings int    // inspected
	Flagged    int    // of these, with at least one finding that stands: live, certain or confirmed, not overturned
	Findings   int    // that stand
	Confirmed  int
	Overturned int
	Score      float64 // mean of Recordings; 0 for ByRule
}
