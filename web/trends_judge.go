package web

import (
	"slices"

	"github.com/speechqa/speechqa/storage/postgres"
)

// smallestTeam is how many agents a team needs for its own median; those of a smaller one are held against all.
const smallestTeam = 3

// trendRow is a group with its rate of flagged recordings per 100 and the rate's 95 % interval.
type trendRow struct {
	postgres.TrendRow
	Rate, Low, High float64
	Median          float64 // of those it is compared with: an agent's team, otherwise all groups
	// Verdict compares the interval with the median: "above", "below", or "unclear" where it holds the median,
	// which small numbers nearly always do.
	Verdict string
	Change  *trendChange // against the earlier period; nil where none is compared
	URL     string       // the recordings behind the figure
}

// trendChange is what has become of a group's rate since the earlier period.
type trendChange struct {
	Recordings, Flagged int     // then
	Rate                float64 // then
	Diff, Low, High     float64 // now less then, with its 95 % interval
	Verdict             string  // "rising" or "falling" where the interval leaves no change out, otherwise "unclear"
}

// judgeTrend adds rates, intervals and their place against the median.
func judgeTrend(rows []postgres.TrendRow) (out []trendRow, median float64, total trendRow) {
	var rates []float64
	teams := map[string][]float64{}
	for _, r := range rows {
		t := trendRow{TrendRow: r}
		if r.Recordings > 0 {
			t.Rate = 100 * float64(r.Flagged) / float64(r.Recordings)
			rates = append(rates, t.Rate)
			teams[r.Team] = append(teams[r.Team], t.Rate)
		}
		low, high := wilson(r.Flagged, r.Recordings)
		t.Low, t.High = 100*low, 100*high
		out = append(out, t)
		total.Recordings += r.Recordings
		total.Flagged += r.Flagged
		total.Findings += r.Findings
		total.Confirmed += r.Confirmed
		total.Overturned += r.Overturned
	}
	median = medianOf(rates)
	for i := range out {
		r := &out[i]
		r.Median = median
		if team := teams[r.Team]; r.Team != "" && len(team) >= smallestTeam {
			r.Median = medianOf(team)
		}
		switch {
		case r.Low > r.Median:
			r.Verdict = "above"
		case r.High < r.Median:
			r.Verdict = "below"
		default:
			r.Verdict = "unclear"
		}
	}
	return out, median, total
}

func medianOf(rates []float64) float64 {
	n := len(rates)
	if n == 0 {
		return 0
	}
	slices.Sort(rates)
	return (rates[(n-1)/2] + rates[n/2]) / 2
}

// compareTrend sets the rows against an earlier period. A group that was not there then has changed from nothing
// known, so nothing is said.
func compareTrend(rows []trendRow, earlier []postgres.TrendRow) {
	then := map[string]postgres.TrendRow{}
	for _, e := range earlier {
		then[e.Key] = e
	}
	for i := range rows {
		r := &rows[i]
		e := then[r.Key]
		ch := trendChange{Recordings: e.Recordings, Flagged: e.Flagged, Verdict: "unclear"}
		if e.Recordings > 0 {
			ch.Rate = 100 * float64(e.Flagged) / float64(e.Recordings)
			ch.Diff = r.Rate - ch.Rate
		}
		low, high := newcombe(r.Flagged, r.Recordings, e.Flagged, e.Recordings)
		ch.Low, ch.High = 100*low, 100*high
		switch {
		case ch.Low > 0:
			ch.Verdict = "rising"
		case ch.High < 0:
			ch.Verdict = "falling"
		}
		r.Change = &ch
	}
}
