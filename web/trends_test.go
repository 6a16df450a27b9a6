package web

import (
	"cmp"
	"math"
	"strings"
	"testing"

	"github.com/speechqa/speechqa/storage/postgres"
)

// The bounds are where the seen share lies exactly z standard errors away, which is what defines the interval.
func TestWilson(t *testing.T) {
	for _, c := range []struct {
		k, n      int
		low, high float64
	}{
		{0, 10, 0, 0.2775328}, {1, 3, 0.0614919, 0.7923404}, {5, 10, 0.2365931, 0.7634069}, {10, 10, 0.7224672, 1}, {0, 0, 0, 1},
	} {
		low, high := wilson(c.k, c.n)
		if math.Abs(low-c.low) > 1e-6 || math.Abs(high-c.high) > 1e-6 {
			t.Errorf("wilson(%d, %d) = %.7f, %.7f; want %.7f, %.7f", c.k, c.n, low, high, c.low, c.high)
		}
		for _, b := range []float64{low, high} {
			if p, n := float64(c.k)/float64(c.n), float64(c.n); b > 0 && b < 1 {
				if distance := math.Abs(p-b) / math.Sqrt(b*(1-b)/n); math.Abs(distance-1.959963984540054) > 1e-9 {
					t.Errorf("wilson(%d, %d): %v is %v standard errors away", c.k, c.n, b, distance)
				}
			}
		}
	}
}

// One bad call in three shames nobody; one in four of a hundred does stand out.
func TestSmallNumbersAreUnclear(t *testing.T) {
	rows, median, total := judgeTrend([]postgres.TrendRow{
		{Key: "few", Recordings: 3, Flagged: 1}, {Key: "many", Recordings: 120, Flagged: 30},
		{Key: "good", Recordings: 200, Flagged: 2}, {Key: "fair", Recordings: 90, Flagged: 9}, {Key: "none"},
	})
	if want := (10.0 + 25.0) / 2; median != want {
		t.Fatalf("median %v, want %v", median, want)
	}
	got := map[string]string{}
	for _, r := range rows {
		got[r.Key] = r.Verdict
	}
	for key, want := range map[string]string{"few": "unclear", "many": "above", "good": "below", "none": "unclear"} {
		if got[key] != want {
			t.Errorf("%s is %s, want %s", key, got[key], want)
		}
	}
	if total.Recordings != 413 || total.Flagged != 42 {
		t.Errorf("total %+v", total.TrendRow)
	}
}

// The worked examples of R. G. Newcombe's paper, method 10.
func TestNewcombe(t *testing.T) {
	for _, c := range []struct {
		k1, n1, k2, n2 int
		low, high      float64
	}{
		{56, 70, 48, 80, .0524, .3339}, {9, 10, 3, 10, .1705, .8090}, {6, 7, 2, 7, .0582, .8062}, {5, 56, 0, 29, -.0381, .1926},
		{0, 10, 0, 20, -.1611, .2775}, {10, 10, 0, 10, .6075, 1}, {10, 10, 0, 0, -1, 1},
	} {
		low, high := newcombe(c.k1, c.n1, c.k2, c.n2)
		if math.Abs(low-c.low) > 1e-4 || math.Abs(high-c.high) > 1e-4 {
			t.Errorf("newcombe(%d/%d, %d/%d) = %.4f, %.4f; want %.4f, %.4f", c.k1, c.n1, c.k2, c.n2, low, high, c.low, c.high)
		}
	}
}

// An agent is held against his own team where it is large enough.
func TestTeamMedian(t *testing.T) {
	rows, median, _ := judgeTrend([]postgres.TrendRow{
		{Key: "1", Team: "hard", Recordings: 100, Flagged: 20}, {Key: "2", Team: "hard", Recordings: 100, Flagged: 30}, {Key: "3", Team: "hard", Recordings: 100, Flagged: 25},
		{Key: "4", Team: "easy", Recordings: 100, Flagged: 1}, {Key: "5", Team: "easy", Recordings: 100, Flagged: 3},
	})
	if median != 20 || rows[0].Median != 25 || rows[4].Median != 20 {
		t.Errorf("median of all %v, of the hard team %v, of one too small %v", median, rows[0].Median, rows[4].Median)
	}
}

// A change is only called one where the interval leaves none out.
func TestCompareTrend(t *testing.T) {
	rows, _, _ := judgeTrend([]postgres.TrendRow{
		{Key: "worse", Recordings: 100, Flagged: 30}, {Key: "better", Recordings: 100, Flagged: 2}, {Key: "few", Recordings: 4, Flagged: 4}, {Key: "new", Recordings: 100, Flagged: 50},
	})
	compareTrend(rows, []postgres.TrendRow{{Key: "worse", Recordings: 100, Flagged: 10}, {Key: "better", Recordings: 100, Flagged: 20}, {Key: "few", Recordings: 3, Flagged: 1}})
	for _, r := range rows {
		if want := map[string]string{"worse": "rising", "better": "falling"}[r.Key]; r.Change.Verdict != cmp.Or(want, "unclear") {
			t.Errorf("%s is %s (%.1f … %.1f)", r.Key, r.Change.Verdict, r.Change.Low, r.Change.High)
		}
	}
}

func TestLineChart(t *testing.T) {
	ch := drawLine([]linePoint{{Name: "2026-06-01", Value: 80, Low: 70, High: 90, Other: 85}, {Name: "2026-06-08", None: true, Other: 85}, {Name: "2027-01-04", Value: 100, Low: 95, High: 100, Other: 85}}, 900, 100)
	if len(ch.Dots) != 3 || strings.Count(ch.Line, ",") != 2 || strings.Count(ch.Band, ",") != 4 || strings.Count(ch.Other, ",") != 3 {
		t.Errorf("line %q, band %q, other %q", ch.Line, ch.Band, ch.Other)
	}
	if got := ch.Dots[0].Label + " " + ch.Dots[1].Label + " " + ch.Dots[2].Label; got != "2026-06-01 06-08 2027-01-04" {
		t.Errorf("the axis says %q", got)
	}
	if top := ch.Dots[2].Y; top != float64(ch.Top) {
		t.Errorf("100 of 100 lies at %v, the top is %d", top, ch.Top)
	}
	if one := drawLine([]linePoint{{Value: 3}}, 900, 100); len(one.Dots) != 1 || drawLine(nil, 900, 100).Line != "" {
		t.Error("one point, or none, cannot be drawn")
	}
}

func TestCellsAreNoFormulas(t *testing.T) {
	for _, s := range []string{"=1+1", "+1", "-1", "@x", "\t=1"} {
		if got := cell(s); got[0] != '\'' {
			t.Errorf("cell(%q) = %q", s, got)
		}
	}
	if got := cell("赵强"); got != "赵强" {
		t.Errorf("cell changed a name to %q", got)
	}
}
