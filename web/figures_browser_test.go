package web

import (
	"strings"
	"testing"

	"github.com/speechqa/speechqa/web/browsertest"
)

// The manager's way in a real browser: who drifts, since when, by which rules, with what evidence; how much is covered;
// what to teach; the report of the day and the sheet for a spot check.
func TestManagerInBrowser(t *testing.T) {
	d := smallOffice(t, RoleManager)
	b := browsertest.Open(t, d.address, d.session())
	look := func(picture string) {
		t.Helper()
		b.Accessible("node_modules")
		b.Picture(pictures, picture)
		if wide := browsertest.Ask[float64](b, `document.documentElement.scrollWidth - innerWidth`); wide > 0 {
			t.Errorf("%s is %v pixels wider than the screen", picture, wide)
		}
	}
	b.Go("/trends")
	b.Becomes(`document.querySelector("svg.chart .interval") && document.querySelector(".tablewrap table.figures")`)
	if from := browsertest.Ask[string](b, `document.querySelector("input[name=to]").value`); from != "2026-06-30" {
		t.Errorf("the figures open at %s, not at the last day there is", from)
	}
	look("trends")

	// Every change of the filter is in the address; going there again shows the same.
	browsertest.Ask[bool](b, `(e => { e.value = "team"; e.dispatchEvent(new Event("change", {bubbles: true})); return true })(document.querySelector("select[name=by]"))`)
	b.Becomes(`location.search.includes("by=team") && document.querySelector("select[name=by]").value === "team" && document.readyState === "complete"`)
	table := browsertest.Ask[string](b, `document.querySelector(".tablewrap table.figures").innerText`)
	address := browsertest.Ask[string](b, `location.pathname + location.search`)
	b.Go("/heat")
	look("heat")
	b.Go(address)
	if again := browsertest.Ask[string](b, `document.querySelector(".tablewrap table.figures").innerText`); again != table {
		t.Errorf("the same address shows something else:\n%s\n%s", again, table)
	}

	// From a hot cell to its recordings, and from an agent to his page.
	b.Go("/heat")
	cell := browsertest.Ask[string](b, `document.querySelector("td.heat a").getAttribute("href")`)
	b.Click("td.heat a")
	b.Becomes(`document.querySelector("table.list tbody tr") && document.readyState === "complete"`)
	if at := browsertest.Ask[string](b, `location.pathname + location.search`); at != cell {
		t.Errorf("the cell leads to %s, not %s", at, cell)
	}
	b.Go("/trends")
	b.Click(".tablewrap table.figures tbody th a")
	b.Becomes(`location.pathname.startsWith("/agents/") && document.querySelectorAll("svg.line").length === 2 && document.readyState === "complete"`)
	look("agent")
	if to := browsertest.Ask[string](b, `document.querySelector(".quotes a").getAttribute("href")`); !strings.HasPrefix(to, "/recordings/") || !strings.Contains(to, "#f-") {
		t.Errorf("an example leads to %s", to)
	}

	b.Go("/trends")
	for _, tab := range []string{"coverage", "training", "daily", "spotcheck"} {
		b.Click(`.tabs a[href^="/` + tab + `"]`)
		b.Becomes(`location.pathname === "/` + tab + `" && document.querySelector("table.figures") && document.readyState === "complete"`)
		look(tab)
	}
	b.Click(`button[name=lang][value=en]`)
	b.Becomes(`document.documentElement.lang === "en" && document.readyState === "complete"`)
	if h := browsertest.Ask[string](b, `document.querySelector("h1").textContent`); !strings.Contains(h, "field visits") {
		t.Errorf("in English the sheet is headed %q", h)
	}
	b.Go("/trends?by=rule&against=year")
	look("trends-en")
	b.Go("/trends?by=week")
	look("weeks-en")
}
