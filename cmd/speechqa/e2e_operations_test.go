package main

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// settles waits until an expression is true of a page that has everything: before its styles are there, what is to be
// clicked may still move.
func (b *browser) settles(expression string) {
	b.Becomes(`document.readyState === "complete" && ` + expression)
}

// checkOperations is an administrator's way through the operators' page: what failed is tried again and fails again, a
// queue is paused and goes on, and the queue's own tool shows the same under its own policy.
func checkOperations(t *testing.T, address, password string) {
	b := openBrowserTab(t, address)
	b.Go("/operations")
	b.Do("log in", chromedp.SendKeys(chromedp.CSS("input[name=name]"), "admin"),
		chromedp.SendKeys(chromedp.CSS("input[name=password]"), password), chromedp.Click(chromedp.CSS("form.login button")))
	b.settles(`location.pathname === "/operations" && document.querySelectorAll("#queues tbody tr").length === 5`)
	b.Accessible(webModules)
	b.picture("operations")

	failed := ask[int](b, `[...document.querySelectorAll("#failures td.num")].reduce((n, td) => n + Number(td.textContent), 0)`)
	if failed != len(badRecordings) {
		t.Errorf("%d recordings failed, want %d", failed, len(badRecordings))
	}
	b.Do("try again", chromedp.Click(chromedp.CSS("#failures button")))
	b.settles(`document.querySelector(".flash")?.textContent.includes("放回队列")`)

	// By script: a mouse's click was lost once on a loaded machine, and what the button does is looked at here.
	press := func(act string) {
		t.Helper()
		ask[bool](b, `(document.querySelector("tr[data-queue=rescan] button[value=`+act+`]").click(), true)`)
	}
	press("pause")
	b.settles(`document.querySelector("tr[data-queue=rescan] .paused")`)
	press("resume")
	b.Becomes(`document.querySelector("tr[data-queue=rescan] button[value=pause]")`)

	eventually(t, "what was tried again to fail again", func() bool {
		b.Go("/operations")
		return ask[int](b, `[...document.querySelectorAll("#failures td.num")].reduce((n, td) => n + Number(td.textContent), 0)`) == failed
	})

	b.Go("/operations/queues/")
	b.Becomes(`document.body.innerText.includes("transcribe") && document.body.innerText.includes("inspect")`)
}
