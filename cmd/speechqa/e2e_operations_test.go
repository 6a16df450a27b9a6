package main

import (
	"os"
	"testing"

	"github.com/chromedp/chromedp"
)

// axeFile is the accessibility checker, which npm has put there.
const axeFile = "../../web/node_modules/axe-core/axe.min.js"

// accessible holds that the page has nothing that people with disabilities stumble over badly.
func (b *browser) accessible(page string) {
	b.t.Helper()
	script, err := os.ReadFile(axeFile)
	if err != nil {
		b.t.Fatalf("no accessibility checker (make test installs it): %v", err)
	}
	ask[bool](b, string(script)+`; axe.run(document, {resultTypes: ["violations"]}).then(r => { window.stumbles =
		r.violations.filter(v => v.impact === "serious" || v.impact === "critical").map(v => v.id + ": " + v.nodes.map(n => n.target).join(" ")).join("; ") }); true`)
	b.becomes(`window.stumbles !== undefined`)
	if s := ask[string](b, `window.stumbles`); s != "" {
		b.t.Errorf("%s is not accessible: %s", page, s)
	}
}

// settles waits until an expression is true of a page that has everything: before its styles are there, what is to be
// clicked may still move.
func (b *browser) settles(expression string) {
	b.t.Helper()
	b.becomes(`document.readyState === "complete" && ` + expression)
}

// checkOperations is an administrator's way through the operators' page: what failed is tried again and fails again, a
// queue is paused and goes on, and the queue's own tool shows the same under its own policy.
func checkOperations(t *testing.T, address, password string) {
	b := openBrowserTab(t, address)
	b.open("/operations")
	b.do("log in", chromedp.SendKeys(chromedp.CSS("input[name=name]"), "admin"),
		chromedp.SendKeys(chromedp.CSS("input[name=password]"), password), chromedp.Click(chromedp.CSS("form.login button")))
	b.settles(`location.pathname === "/operations" && document.querySelectorAll("#queues tbody tr").length === 5`)
	b.accessible("the operators' page")
	b.picture("operations")

	failed := ask[int](b, `[...document.querySelectorAll("#failures td.num")].reduce((n, td) => n + Number(td.textContent), 0)`)
	if failed != len(badRecordings) {
		t.Errorf("%d recordings failed, want %d", failed, len(badRecordings))
	}
	b.do("try again", chromedp.Click(chromedp.CSS("#failures button")))
	b.settles(`document.querySelector(".flash")?.textContent.includes("放回队列")`)

	b.do("pause", chromedp.Click(chromedp.CSS(`tr[data-queue=rescan] button[value=pause]`)))
	b.settles(`document.querySelector("tr[data-queue=rescan] .paused")`)
	b.do("resume", chromedp.Click(chromedp.CSS(`tr[data-queue=rescan] button[value=resume]`)))
	b.becomes(`document.querySelector("tr[data-queue=rescan] button[value=pause]")`)

	eventually(t, "what was tried again to fail again", func() bool {
		b.open("/operations")
		return ask[int](b, `[...document.querySelectorAll("#failures td.num")].reduce((n, td) => n + Number(td.textContent), 0)`) == failed
	})

	b.open("/operations/queues/")
	b.becomes(`document.body.innerText.includes("transcribe") && document.body.innerText.includes("inspect")`)
}
