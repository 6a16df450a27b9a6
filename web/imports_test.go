package web

import (
	"strings"
	"testing"
	"time"

	"github.com/speechqa/speechqa/storage/postgres"
)

func TestImportsPage(t *testing.T) {
	c := newPages(t)
	day := postgres.ImportDay{Day: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC), Arrived: 400, ToHear: 100, Inspected: 290, Failed: 10}
	for _, l := range langs {
		doc := draw(t, c, l, RoleLead, "imports", importsData{Days: []postgres.ImportDay{day}, Total: day, Back: 7, Prefix: `"><b>`, Hours: 1.5, MayList: true})
		if got := textOf(one(t, doc, "#imported p")); !strings.Contains(got, "75.0%") || !strings.Contains(got, "1.5") {
			t.Errorf("progress reads %q", got)
		}
		one(t, doc, `a[href="/?status=failed"]`)
		if textOf(one(t, draw(t, c, l, RoleOperator, "imports", importsData{Back: 7}), ".empty h2 + p")) == "" {
			t.Error("an empty page says nothing")
		}
	}
}

func TestAPIImports(t *testing.T) {
	l := newLibrary(t)
	operator := l.as(RoleOperator, postgres.User{})
	if v := operator.ok("GET", "/api/v1/imports?days=1&prefix=tone", ""); v["total"].(map[string]any)["inspected"].(float64) != 1 || len(items(v, "days")) != 1 {
		t.Errorf("imports: %v", v)
	}
	operator.no("GET", "/api/v1/imports?days=400", "", 400, "bad_request")
	l.as(RoleClerk, postgres.User{}).no("GET", "/api/v1/imports", "", 403, "forbidden")
}
