package main

import (
	"context"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
)

var screenshots = flag.Bool("screenshots", false, "write the pages' pictures to docs/images")

const screenshotDir = "../../docs/images"

// browser is a tab of a real Chromium.
type browser struct {
	t    *testing.T
	ctx  context.Context
	base string // address of the console

	mu     sync.Mutex
	errors []string // what the browser's console complains about
}

func openBrowserTab(t *testing.T, base string) *browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.DisableGPU, chromedp.NoSandbox,
		chromedp.WindowSize(1366, 768), chromedp.Flag("disable-component-update", true), chromedp.Flag("hide-scrollbars", true))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx, base: base}
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(1366, 768)); err != nil {
		t.Fatalf("start Chromium (Debian, Ubuntu: apt-get install chromium): %v", err)
	}
	messages := chromedp.Console(ctx)
	listening := make(chan struct{})
	go func() {
		defer close(listening)
		for m, err := range messages {
			if err != nil {
				return
			}
			if m.IsException() || m.Type == chromedp.ConsoleError {
				b.mu.Lock()
				b.errors = append(b.errors, fmt.Sprintf("%s (%s)", m, m.URL))
				b.mu.Unlock()
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-listening
		for _, e := range b.errors {
			t.Errorf("the browser complains: %s", e)
		}
	})
	return b
}

// do runs steps and fails the test when one cannot be done.
func (b *browser) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
}

// ask evaluates JavaScript.
func ask[T any](b *browser, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// becomes waits until an expression is true.
func (b *browser) becomes(expression string) {
	b.t.Helper()
	eventually(b.t, expression, func() bool {
		ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		return err == nil && ok // while a page is being left there is nobody to ask
	})
}

// open goes to a page of the console and waits until its scripts have run.
func (b *browser) open(path string) {
	b.t.Helper()
	b.do("open "+path, chromedp.Navigate(b.base+path))
	b.becomes(`document.readyState === "complete"`)
}

// picture writes what is seen, when asked for.
func (b *browser) picture(name string) {
	b.t.Helper()
	if !*screenshots {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Fatalf("screenshot %s: %v", name, err)
	}
	if err := os.MkdirAll(screenshotDir, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(screenshotDir, name+".png"), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// checkConsole is the newcomer's way through the console; it returns the recording whose findings were all overturned.
func checkConsole(t *testing.T, address, password string, records []record) string {
	b := openBrowserTab(t, address)
	b.open("/")
	b.do("log in", chromedp.SendKeys(chromedp.CSS("input[name=name]"), "lead"),
		chromedp.SendKeys(chromedp.CSS("input[name=password]"), password), chromedp.Click(chromedp.CSS("form.login button")))
	b.becomes(`document.querySelector("table.list")`)
	if lang := ask[string](b, `document.documentElement.lang`); lang != "zh-CN" {
		t.Errorf("the first page's language is %s", lang)
	}
	b.picture("list")

	worst := ask[string](b, `document.querySelector("tr[data-recording]").dataset.recording`)
	b.do("open the worst recording", chromedp.Click(chromedp.CSS("tr[data-recording] a.rowlink")))
	b.becomes(`document.getElementById("audio")?.readyState > 0`)
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
	b.do("play the evidence", chromedp.Click(chromedp.CSS("article.finding .hear:not([disabled])")))
	b.becomes(`window.heardFrom !== undefined`)
	from := ask[float64](b, `window.heardFrom`)
	if want := math.Max(0, at-3); math.Abs(from-want) > 0.3 {
		t.Errorf("evidence at %.2f s is played from %.2f s, want %.2f s", at, from, want)
	}
	b.becomes(`document.getElementById("audio").currentTime > window.heardFrom + 1`)
	b.becomes(`document.querySelector("mark.current")`)
	if e := ask[string](b, `document.getElementById("audio").error?.message ?? ""`); e != "" {
		t.Errorf("audio: %s", e)
	}
	b.becomes(`document.querySelector("#wave > *")`)
	b.do("pause", chromedp.Click(chromedp.CSS("#toggle")))
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
		b.do("overturn", chromedp.Click(chromedp.CSS("article.finding.v-open details.overturn summary")),
			chromedp.Click(chromedp.CSS("article.finding.v-open details[open] button[value=overturned]")))
		b.becomes(fmt.Sprintf("%s === %d", open, left-1))
		now := ask[int](b, score)
		if now < last {
			t.Errorf("the score falls from %d to %d when a finding is overturned", last, now)
		}
		last = now
	}
	if last != 100 {
		t.Errorf("score %d after the last finding was overturned (%d before the first), want 100", last, before)
	}
	b.do("reload", chromedp.Reload())
	b.becomes(`document.readyState === "complete"`)
	if now := ask[int](b, score); now != last {
		t.Errorf("score %d after a reload, %d before", now, last)
	}
}

// switchLanguage: the switch changes every page, both ways.
func switchLanguage(t *testing.T, b *browser) {
	for _, want := range []struct{ button, lang, findings string }{{"en", "en", "Findings"}, {"zh", "zh-CN", "命中"}} {
		b.do("switch language", chromedp.Click(chromedp.CSS(`button[name=lang][value=`+want.button+`]`)))
		b.becomes(`document.documentElement.lang === "` + want.lang + `" && document.readyState === "complete"`)
		if h := ask[string](b, `document.querySelector(".findings h2").textContent`); !strings.Contains(h, want.findings) {
			t.Errorf("in %s the findings' heading is %q", want.lang, h)
		}
		b.open("/?status=all")
		b.becomes(`document.documentElement.lang === "` + want.lang + `"`)
		b.do("back", chromedp.NavigateBack())
		b.becomes(`document.querySelector(".findings") && document.readyState === "complete"`)
	}
}

// readFailure: a recording that could not be heard says why, in a sentence.
func readFailure(t *testing.T, b *browser, records []record) {
	for _, r := range records {
		if r.State != "failed" {
			continue
		}
		b.open("/recordings/" + r.ID)
		if text := ask[string](b, `document.querySelector(".failed .reason")?.textContent ?? ""`); text != r.Reason {
			t.Errorf("%s: the page says %q, the reason is %q", r.Key, text, r.Reason)
		}
	}
}
