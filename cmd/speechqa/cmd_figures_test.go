package main

import (
	"strings"
	"testing"

	"github.com/speechqa/speechqa/storage/storagetest"
)

// What is wrong with the figures is found, and counting anew mends it.
func TestFiguresCommand(t *testing.T) {
	_, url := storagetest.Open(t)
	env := map[string]string{"SPEECHQA_DATABASE_URL": storagetest.AppURL(t, url)}
	storagetest.Exec(t, url, `INSERT INTO recordings (bucket, key, version, size, kind, started_at) VALUES ('b', 'k', '1', 1, 'call', '2026-03-01 17:00+00')`)
	if status, out, errs := speechqa(t, env, "figures", "check"); status != 0 {
		t.Fatalf("status %d: %s%s", status, out, errs)
	}
	storagetest.Exec(t, url, `UPDATE figure_deltas SET received = 2`)
	if status, out, errs := speechqa(t, env, "figures", "check"); status != 1 || !strings.Contains(out, "2026-03-02") || !strings.Contains(errs, "figures rebuild") {
		t.Errorf("status %d: %s%s", status, out, errs)
	}
	env["SPEECHQA_TIME_ZONE"] = "UTC"
	if status, out, errs := speechqa(t, env, "figures", "rebuild"); status != 0 || !strings.Contains(out, "UTC") {
		t.Errorf("status %d: %s%s", status, out, errs)
	}
	if status, out, errs := speechqa(t, env, "figures", "check"); status != 0 {
		t.Errorf("after the rebuild: status %d: %s%s", status, out, errs)
	}
	if day := storagetest.Query(t, url, `SELECT DISTINCT day FROM figure_sums`); len(day) != 1 || day[0] != "2026-03-01" {
		t.Errorf("days %v, want UTC's", day)
	}
	if status, _, errs := speechqa(t, map[string]string{"SPEECHQA_DATABASE_URL": storagetest.AppURL(t, url), "SPEECHQA_TIME_ZONE": "Mars"}, "figures", "rebuild"); status == 0 {
		t.Errorf("a zone that is none was taken: %s", errs)
	}
}
