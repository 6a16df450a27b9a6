// Package browsertest drives a real Chromium in tests of the console, and asks axe-core whether what it shows can be
// used by everybody.
package browsertest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// Patience bounds every wait for something that must happen on a busy machine.
const Patience = 2 * time.Minute

// Tab is a tab of a real Chromium of the size of an office screen. Whatever the browser's console complains about fails
// the test.
type Tab struct {
	t    *testing.T
	ctx  context.Context
	base string // address of the console

	mu     sync.Mutex
	errors []string

	expected []string // parts of complaints that are no fault
}

// Expect says that the browser will complain of something, such as a refusal that the test provokes.
func (b *Tab) Expect(complaint string) { b.expected = append(b.expected, complaint) }

// Open starts a browser; base is the console's address, cookie logs its user in (nil: nobody).
func Open(t *testing.T, base string, cookie *http.Cookie) *Tab {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.DisableGPU, chromedp.NoSandbox,
		chromedp.WindowSize(1366, 768), chromedp.Flag("disable-component-update", true), chromedp.Flag("hide-scrollbars", true),
		chromedp.Flag("autoplay-policy", "no-user-gesture-required"))
	// No bound on the whole: a busy machine may need long for many steps, each of which has its own.
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &Tab{t: t, ctx: ctx, base: base}
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
			if slices.ContainsFunc(b.expected, func(x string) bool { return strings.Contains(e, x) }) {
				continue
			}
			t.Errorf("the browser complains: %s", e)
		}
	})
	if cookie != nil {
		b.logIn(cookie)
	}
	return b
}

// logIn uses the session of a cookie. It works once a tab: scripts cannot change the cookie that the server then sets.
func (b *Tab) logIn(cookie *http.Cookie) {
	b.t.Helper()
	b.Go("/login")
	c, err := json.Marshal(cookie.Name + "=" + cookie.Value + "; path=/")
	if err != nil {
		b.t.Fatal(err)
	}
	Ask[string](b, "document.cookie = "+string(c))
}

// Do runs steps and fails the test when one cannot be done.
func (b *Tab) Do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, Patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
}

// Ask evaluates JavaScript.
func Ask[T any](b *Tab, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, Patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// Becomes waits until an expression is true.
func (b *Tab) Becomes(expression string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, Patience)
	defer cancel()
	for ; ; time.Sleep(100 * time.Millisecond) {
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		if err == nil && ok {
			return
		} // an error: while a page is being left there is nobody to ask
		if ctx.Err() != nil {
			b.t.Fatalf("waited in vain for: %s (%v)", expression, err)
		}
	}
}

// Go goes to a page of the console and waits until its scripts have run.
func (b *Tab) Go(path string) {
	b.t.Helper()
	b.Do("open "+path, chromedp.Navigate(b.base+path))
	b.Becomes(`document.readyState === "complete"`)
}

// Dark says whether the user likes dark pages; the next page is shown so.
func (b *Tab) Dark(dark bool) {
	b.t.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	if err != nil {
		b.t.Fatalf("show pages %s: %v", scheme, err)
	}
}

// Paper shows the next page as it is printed on A4, upright or lying, with margins of 12 mm, to a user who likes dark
// pages.
func (b *Tab) Paper(lying bool) {
	b.t.Helper()
	width, height := int64(703), int64(1032) // at 96 dots per inch
	if lying {
		width, height = 1032, 703
	}
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print",
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
	if err == nil {
		_, err = chromedp.Call(b.ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1})
	}
	if err != nil {
		b.t.Fatalf("show pages as printed: %v", err)
	}
}

// Click clicks the first element that fits a selector.
func (b *Tab) Click(selector string) {
	b.t.Helper()
	b.Do("click "+selector, chromedp.Click(chromedp.CSS(selector)))
}

// Type types into the first element that fits a selector, after what is there.
func (b *Tab) Type(selector, text string) {
	b.t.Helper()
	b.Do("type into "+selector, chromedp.SendKeys(chromedp.CSS(selector), text))
}

// Press presses a key, as the page's own shortcuts hear it.
func (b *Tab) Press(key string) {
	b.t.Helper()
	b.Do("press "+key, chromedp.KeyEvent(key))
}

// Fill puts text in the place of what is there.
func (b *Tab) Fill(selector, text string) {
	b.t.Helper()
	s, err := json.Marshal([]string{selector, text})
	if err != nil {
		b.t.Fatal(err)
	}
	Ask[bool](b, `(([s, v]) => { const e = document.querySelector(s); e.value = v; e.dispatchEvent(new Event("input", {bubbles: true})); return true })(`+string(s)+`)`)
}

// Accessible fails the test for every serious or critical violation that axe-core, from web/node_modules, finds on the
// page as it is. only names the checks to make; without any, all are made.
func (b *Tab) Accessible(modules string, only ...string) {
	b.t.Helper()
	axe, err := os.ReadFile(filepath.Join(modules, "axe-core", "axe.min.js"))
	if err != nil {
		b.t.Fatalf("axe-core is not installed (make assets, or npm ci in web): %v", err)
	}
	Ask[bool](b, string(axe)+";true")
	// preload would copy style sheets, also those of a player's shadow tree, which the page's policy forbids.
	run := "undefined"
	if len(only) > 0 {
		list, err := json.Marshal(only)
		if err != nil {
			b.t.Fatal(err)
		}
		run = string(list)
	}
	Ask[bool](b, `(window.axed = null, axe.run({resultTypes: ["violations"], preload: false, runOnly: `+run+`}).then(r => { window.axed = r.violations.filter(v => v.impact === "serious" || v.impact === "critical")
		.map(v => v.id + ": " + v.nodes.map(n => n.html.slice(0, 160) + " " + n.failureSummary).join(" | ")) }), true)`)
	b.Becomes(`window.axed !== null`)
	for _, v := range Ask[[]string](b, `window.axed`) {
		b.t.Errorf("axe on %s: %s", Ask[string](b, `location.pathname`), v)
	}
}

// sheet is a page of a PDF as Chromium writes it, with its size in points.
var sheet = regexp.MustCompile(`/MediaBox \[0 0 (\d+)\.?\d* (\d+)\.?\d*\]`)

// Sheets prints the page and says of each sheet of paper whether it lies.
func (b *Tab) Sheets() (lying []bool) {
	b.t.Helper()
	asStyled := true
	printed, err := chromedp.Call(b.ctx, page.PrintToPDF, page.PrintToPDFParams{PreferCSSPageSize: &asStyled})
	if err != nil {
		b.t.Fatalf("print: %v", err)
	}
	for _, m := range sheet.FindAllSubmatch(printed.Data, -1) {
		width, _ := strconv.Atoi(string(m[1]))
		height, _ := strconv.Atoi(string(m[2]))
		lying = append(lying, width > height)
	}
	return lying
}

// Picture writes what is seen to a file, where dir is not empty.
func (b *Tab) Picture(dir, name string) {
	b.t.Helper()
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644)
	}
	if err != nil {
		b.t.Fatalf("screenshot %s: %v", name, err)
	}
}
