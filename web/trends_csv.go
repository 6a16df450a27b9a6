package web

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/speechqa/speechqa/storage/postgres"
)

// trendsCSV is exactly the table that the trends page shows, as a file that spreadsheets open.
func (c *Console) trendsCSV(w http.ResponseWriter, r *http.Request) error {
	f, err := c.trendFilter(r.URL.Query())
	if err != nil {
		return err
	}
	d, err := c.trends(r, f)
	if err != nil {
		return err
	}
	l := visitorOf(r).lang
	text := func(key string) string { return c.messages.text(l, key) }
	var b bytes.Buffer
	b.WriteString("\ufeff") // spreadsheets take a file without it for the local code page
	out := csv.NewWriter(&b)
	out.Write([]string{text("by." + string(f.By)), text("filter.team"), text("trends.recordings"), text("trends.flagged"),
		text("trends.rate"), text("trends.low"), text("trends.high"), text("trends.findings"), text("trends.confirmed"),
		text("trends.overturned"), text("trends.against")})
	for _, row := range d.Rows {
		name := row.Name
		if f.By == postgres.ByRule {
			name = c.rules.Title(row.Key, string(l))
		}
		out.Write([]string{cell(name), cell(row.Team), strconv.Itoa(row.Recordings), strconv.Itoa(row.Flagged),
			decimal(row.Rate), decimal(row.Low), decimal(row.High), strconv.Itoa(row.Findings), strconv.Itoa(row.Confirmed),
			strconv.Itoa(row.Overturned), text("trends." + row.Verdict)})
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("trends: %w", err)
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="trends-%s-%s-%s.csv"`, f.By, d.From, d.To))
	_, err = w.Write(b.Bytes())
	return err
}

func decimal(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) }

// cell keeps a spreadsheet from taking outside text for a formula (OWASP: CSV injection).
func cell(s string) string {
	s = clean(s)
	if strings.ContainsAny(firstRune(s), "=+-@\t\r") {
		return "'" + s
	}
	return s
}

func firstRune(s string) string {
	for _, r := range s {
		return string(r)
	}
	return ""
}
