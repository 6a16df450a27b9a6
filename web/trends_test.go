package web

import (
	"math"
	"net/url"
	"strings"
	"testing"
	"time"

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
				if distance := math.Abs(p-b) / math.Sqrt(b*(1-b)/n); math.Abs(distance-z95) > 1e-9 {
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

func TestTrendsPage(t *testing.T) {
	c := newPages(t)
	rows, median, _ := judgeTrend([]postgres.TrendRow{
		{Key: "2015", Name: "赵强", Team: "一组", Recordings: 120, Flagged: 30, Findings: 44},
		{Key: "2017", Name: `<b>孙`, Team: "二组", Recordings: 200, Flagged: 6, Findings: 6}})
	d := trendsData{By: "agent", From: "2026-03-01", To: "2026-03-28", Rows: rows, Median: median, Chart: drawChart(rows, median), CSV: "/trends.csv?by=agent"}
	for i := range d.Rows {
		d.Rows[i].URL = d.recordings(d.Rows[i])
	}
	doc := draw(t, c, Chinese, RoleManager, "trends", d)
	if n := len(all(doc, "svg.chart .interval")); n != 2 {
		t.Errorf("%d intervals drawn", n)
	}
	trs := all(doc, "table.figures tbody tr")
	if len(trs) != 2 {
		t.Fatalf("%d rows in the table behind the chart", len(trs))
	}
	if got := textOf(trs[0]); !strings.Contains(got, "25.0") || !strings.Contains(got, "18.1 – 33.4") {
		t.Errorf("row %q", got)
	}
	link, err := url.Parse(attr(one(t, trs[0], "a"), "href"))
	if err != nil || link.Query().Get("agent") != "2015" || link.Query().Get("from") != "2026-03-01" {
		t.Errorf("drill-down goes to %v (%v)", link, err)
	}
	one(t, doc, `a[download][href="/trends.csv?by=agent"]`)
	if n := len(all(draw(t, c, Chinese, RoleTrainer, "trends", d), "a[download]")); n != 0 {
		t.Error("a trainer is offered an export that the table denies")
	}
}

func TestTrendSpan(t *testing.T) {
	c := newPages(t)
	f, err := c.trendFilter(url.Values{"from": {"2026-03-02"}, "to": {"2026-03-08"}, "by": {"week"}})
	if err != nil {
		t.Fatal(err)
	}
	if f.To.Sub(f.From) != 7*24*time.Hour || f.From.UTC().Hour() != 16 {
		t.Errorf("span %v to %v is not seven days of Shanghai", f.From, f.To)
	}
	for _, q := range []url.Values{{"by": {"shoe size"}}, {"from": {"2026-03-09"}, "to": {"2026-03-08"}}, {"from": {"1990-01-01"}}, {"to": {"tomorrow"}}} {
		if _, err := c.trendFilter(q); err == nil {
			t.Errorf("%v was accepted", q)
		}
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
