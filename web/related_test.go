package web

import (
	"strings"
	"testing"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/storage/postgres"
)

// TestRelatedRecordings: a finding about several recordings links to the others, and a clause without a text says so.
func TestRelatedRecordings(t *testing.T) {
	c := newPages(t)
	v := sampleReview()
	at := v.Recording.Metadata.StartedAt
	v.Findings = append(v.Findings, postgres.JudgedFinding{Verdict: postgres.VerdictOpen, Finding: detectors.Finding{Key: "often", Rule: "excessive_contact",
		Severity: detectors.SeverityMajor, Turn: -1, How: "contacts", Why: "三天内两次", Related: []detectors.Related{
			{Recording: "0191d7a0-0000-7000-8000-00000000000f", At: at.AddDate(0, 0, -1), What: "第三方 接通"}, {Recording: v.Recording.ID, At: at}}}})
	for _, l := range langs {
		doc := draw(t, c, l, RoleClerk, "recording", reviewData(v, true, ""))
		f := one(t, doc, `[data-finding="often"]`)
		if got := one(t, f, ".related a"); attr(got, "href") != "/recordings/0191d7a0-0000-7000-8000-00000000000f" {
			t.Errorf("link to %q", attr(got, "href"))
		}
		if got := textOf(one(t, f, ".related")); !strings.Contains(got, "第三方 接通") || !strings.Contains(got, c.messages.text(l, "related.this")) {
			t.Errorf("related: %q", got)
		}
		if got := textOf(one(t, f, ".pending")); got != c.messages.text(l, "related.pending") {
			t.Errorf("pending clause: %q", got)
		}
	}
}
