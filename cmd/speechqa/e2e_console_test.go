package main

import (
	"flag"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/speechqa/speechqa/web/browsertest"
)

var screenshots = flag.Bool("screenshots", false, "write the pages' pictures to docs/images")

const screenshotDir = "../../docs/images"

// webModules are the console's npm packages, where the accessibility checker is.
const webModules = "../../web/node_modules"

// browser is a tab of a real Chromium that somebody may log in with.
type browser struct{ *browsertest.Tab }

func openBrowserTab(t *testing.T, base string) *browser {
	t.Helper()
	return &browser{browsertest.Open(t, base, nil)}
}

func ask[T any](b *browser, expression string) T { return browsertest.Ask[T](b.Tab, expression) }

// picture writes what is seen, when asked for.
func (b *browser) picture(name string) {
	if *screenshots {
		b.Picture(screenshotDir, name)
	}
}

// checkConsole is the newcomer's way through the console; it returns the recording whose findings were all overturned.
func checkConsole(t *testing.T, address, password string, records []record) string {
	b := openBrowserTab(t, address)
	b.Go("/")
	b.Do("log in", chromedp.SendKeys(chromedp.CSS("input[name=name]"), "lead"),
		chromedp.SendKeys(chromedp.CSS("input[name=password]"), password), chromedp.Click(chromedp.CSS("form.login button")))
	b.Becomes(`document.querySelector("table.list")`)
	if lang := ask[string](b, `document.documentElement.lang`); lang != "zh-CN" {
		t.Errorf("the first page's language is %s", lang)
	}
	b.picture("list")

	worst := ask[string](b, `document.querySelector("tr[data-recording]").dataset.recording`)
	b.Do("open the worst recording", chromedp.Click(chromedp.CSS("tr[data-recording] a.rowlink")))
	b.Becomes(`document.getElementById("audio")?.readyState > 0`)
	if at := ask[string](b, `location.pathname`); at != "/recordings/"+worst {
		t.Fatalf("the list's first row leads to %s", at)
	}
	for _, r := range records {
		if r.ID != worst && r.State == "inspected" && r.Score < ask[int](b, `Number(document.getElementById("score").dataset.score)`) {
			t.Errorf("%s with score %d is worse than the first of the list", r.Key, r.Score)
		}
	}
	hearEvidence(t, b)
	overturnAll(t, b)
	switchLanguage(t, b)
	readFailure(t, b, records)
	return worst
}

// hearEvidence plays the first finding that has a place: the sound starts three seconds before it, and goes on.
func hearEvidence(t *testing.T, b *browser) {
	const finding = `document.querySelector("article.finding:has(.hear:not([disabled]))")`
	at := ask[float64](b, `Number(`+finding+`.dataset.start)`)
	ask[bool](b, `(audio => { audio.addEventListener("seeked", () => { window.heardFrom ??= audio.currentTime }); return true })(document.getElementById("audio"))`)
	b.Do("play the evidence", chromedp.Click(chromedp.CSS("article.finding .hear:not([disabled])")))
	b.Becomes(`window.heardFrom !== undefined`)
	from := ask[float64](b, `window.heardFrom`)
	if want := math.Max(0, at-3); math.Abs(from-want) > 0.3 {
		t.Errorf("evidence at %.2f s is played from %.2f s, want %.2f s", at, from, want)
	}
	b.Becomes(`document.getElementById("audio").currentTime > window.heardFrom + 1`)
	b.Becomes(`document.querySelector("mark.current")`)
	if e := ask[string](b, `document.getElementById("audio").error?.message ?? ""`); e != "" {
		t.Errorf("audio: %s", e)
	}
	b.Becomes(`document.querySelector("#wave > *")`)
	b.Do("pause", chromedp.Click(chromedp.CSS("#toggle")))
	b.picture("recording")
}

// overturnAll overturns one finding after the other: each must count, and without any the score is full again.
func overturnAll(t *testing.T, b *browser) {
	const score = `Number(document.getElementById("score").dataset.score)`
	const open = `document.querySelectorAll("article.finding.v-open details.overturn").length`
	before, left := ask[int](b, score), ask[int](b, open)
	if before >= 100 || left == 0 {
		t.Fatalf("score %d with %d findings to judge", before, left)
	}
	last := before
	for ; left > 0; left-- {
		b.Do("overturn", chromedp.Click(chromedp.CSS("article.finding.v-open details.overturn summary")),
			chromedp.Click(chromedp.CSS("article.finding.v-open details[open] button[value=overturned]")))
		b.Becomes(fmt.Sprintf("%s === %d", open, left-1))
		now := ask[int](b, score)
		if now < last {
			t.Errorf("the score falls from %d to %d when a finding is overturned", last, now)
		}
		last = now
	}
	if last != 100 {
		t.Errorf("score %d after the last finding was overturned (%d before the first), want 100", last, before)
	}
	ask[bool](b, `window.old = true`) // the page that goes is complete, too, and a click on it would be lost
	b.Do("reload", chromedp.Reload())
	b.Becomes(`!window.old && document.readyState === "complete"`)
	if now := ask[int](b, score); now != last {
		t.Errorf("score %d after a reload, %d before", now, last)
	}
}

// switchLanguage: the switch changes every page, both ways.
func switchLanguage(t *testing.T, b *browser) {
	for _, want := range []struct{ button, lang, findings string }{{"en", "en", "Findings"}, {"zh", "zh-CN", "命中"}} {
		b.Do("switch language", chromedp.Click(chromedp.CSS(`button[name=lang][value=`+want.button+`]`)))
		b.Becomes(`document.documentElement.lang === "` + want.lang + `" && document.readyState === "complete"`)
		if h := ask[string](b, `document.querySelector(".findings h2").textContent`); !strings.Contains(h, want.findings) {
			t.Errorf("in %s the findings' heading is %q", want.lang, h)
		}
		b.Go("/?status=all")
		b.Becomes(`document.documentElement.lang === "` + want.lang + `"`)
		b.Do("back", chromedp.NavigateBack())
		b.Becomes(`document.querySelector(".findings") && document.readyState === "complete"`)
	}
}

// readFailure: a recording that could not be heard says why, in a sentence.
func readFailure(t *testing.T, b *browser, records []record) {
	for _, r := range records {
		if r.State != "failed" {
			continue
		}
		b.Go("/recordings/" + r.ID)
		if text := ask[string](b, `document.querySelector(".failed .reason")?.textContent ?? ""`); text != r.Reason {
			t.Errorf("%s: the page says %q, the reason is %q", r.Key, text, r.Reason)
		}
	}
}
