package web

import (
	"strings"
	"testing"
	"time"

	"github.com/speechqa/speechqa/storage/postgres"
)

// The live version of each rule has its row, found something or not; of earlier ones only what people said is still known.
func TestQualityRows(t *testing.T) {
	until := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
	weeks := []postgres.RuleWeek{
		{Rule: "threat", Version: 1, Week: until.AddDate(0, 0, -60), Recordings: 9, Findings: 9, Confirmed: 1, Overturned: 8},
		{Rule: "threat", Version: 2, Week: until.AddDate(0, 0, -20), Recordings: 30, Findings: 31, Confirmed: 9},
		{Rule: "gone", Version: 4, Week: until.AddDate(0, 0, -20), Recordings: 3, Findings: 3, Confirmed: 1},
	}
	rows := qualityRows(weeks, map[string]int{"threat": 2, "insult": 7}, until)
	var got []string
	for _, r := range rows {
		got = append(got, strings.Join([]string{r.Rule, r.volume(r.Findings).Text}, " "))
	}
	if want := "gone –,insult 0,threat 31,threat –"; strings.Join(got, ",") != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// A sample says something of the version of a rule that was live when it was drawn, and nothing of another one.
func TestRecallOfVersion(t *testing.T) {
	at := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	m := postgres.SampleResult{Strata: []postgres.SampleStratum{{Agent: "a", Period: at, Total: 100, Drawn: 10}}}
	m.Population = 100
	for i := range 10 {
		item := postgres.SampleItem{Agent: "a", Period: at, Seats: []postgres.SampleSeat{{Seat: 1, At: at}}}
		if i == 0 {
			item.Seats[0].Rules = []string{"threat"}
		}
		m.Items = append(m.Items, item)
	}
	weeks := []postgres.RuleWeek{{Rule: "threat", Version: 1, Recordings: 50, Overturned: 50}, {Rule: "threat", Version: 2, Recordings: 40, Confirmed: 20}, {Rule: "threat", Added: 5}}
	s, known := recallOf(m, weeks, qualityRow{Rule: "threat", Version: 2})
	if want := 40.0 / (40 + 10 + 5); !known || s.Estimate < want-1e-9 || s.Estimate > want+1e-9 {
		t.Errorf("recall %+v, want %v", s, want)
	}
	if s.Low >= s.Estimate || s.High <= s.Estimate {
		t.Errorf("interval %+v", s)
	}
}
