package main

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// enter logs somebody in, in a tab of his own.
func enter(t *testing.T, address, name, password string) *browser {
	t.Helper()
	b := openBrowserTab(t, address)
	b.Go("/")
	b.Do("log in as "+name, chromedp.SendKeys(chromedp.CSS("input[name=name]"), name),
		chromedp.SendKeys(chromedp.CSS("input[name=password]"), password), chromedp.KeyEvent("\r"))
	b.Becomes(`document.querySelector(".who .me") && document.readyState === "complete"`)
	return b
}

// download fetches what a link or a form of the page leads to, as the browser's user.
func (b *browser) download(t *testing.T, address, form string) []byte {
	t.Helper()
	script := fmt.Sprintf(`(window.got = null, fetch(%q, %s).then(async r => window.got = r.ok ? btoa(Array.from(new Uint8Array(await r.arrayBuffer()), c => String.fromCharCode(c)).join("")) : "!" + r.status), true)`, address, form)
	ask[bool](b, script)
	b.Becomes(`window.got !== null`)
	if failed := ask[string](b, `window.got.startsWith("!") ? window.got : ""`); failed != "" {
		t.Fatalf("%s: %s", address, failed)
	}
	file, err := base64.StdEncoding.DecodeString(ask[string](b, `window.got`))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// checkClerk is a clerk's way through the demo without a mouse: the next recording claimed, evidence heard, a finding confirmed
// and taken back, overturned with a reason, a disposition put on record, on to the next.
func checkClerk(t *testing.T, address, password string) {
	b := enter(t, address, "clerk", password)
	b.Do("claim the next recording", chromedp.Focus(chromedp.CSS(`form[action="/next"] button`)), chromedp.KeyEvent("\r"))
	b.Becomes(`document.querySelector("article.finding.v-open") && document.getElementById("audio")?.readyState > 0`)
	if holder := ask[string](b, `document.querySelector(".holder")?.textContent ?? ""`); !strings.Contains(holder, "质检员") {
		t.Errorf("the recording claimed is held by %q", holder)
	}
	first := ask[string](b, `location.pathname`)
	open := ask[int](b, `document.querySelectorAll("article.finding.v-open").length`)
	now := func(confirmed, overturned int) {
		t.Helper()
		b.Becomes(fmt.Sprintf(`document.querySelectorAll("article.finding.v-confirmed").length === %d && document.querySelectorAll("article.finding.v-overturned").length === %d && document.querySelectorAll("article.finding.v-open").length === %d`,
			confirmed, overturned, open-confirmed-overturned))
	}
	b.Press("j")
	b.Becomes(`document.querySelector("article.finding.current") && (document.querySelector("article.finding.current").dataset.turn < 0 || document.getElementById("audio").currentTime > 0)`)
	b.Press(" ")
	b.Press("c")
	now(1, 0)
	b.Press("u")
	now(0, 0)
	b.Press("o")
	b.Becomes(`document.activeElement?.closest("details.overturn")`)
	b.Do("submit the reason", chromedp.Focus(chromedp.CSS("article.finding details.overturn[open] button[value=overturned]")), chromedp.KeyEvent("\r"))
	now(0, 1)
	b.Press("u")
	now(0, 0)
	b.Press("d")
	b.Becomes(`document.getElementById("dispose-dialog").open`)
	b.Fill("#dispose-dialog [name=note]", "语气改正")
	b.Do("save the disposition", chromedp.Focus(chromedp.CSS("#dispose-dialog button.primary")), chromedp.KeyEvent("\r"))
	b.Becomes(`document.querySelector(".dispositions")?.innerText.includes("语气改正")`)
	b.Press("u")
	b.Becomes(`!document.querySelector(".dispositions .in-force")?.innerText.includes("语气改正")`)
	b.Press("n")
	b.Becomes(`location.pathname.startsWith("/recordings/") && location.pathname !== "` + first + `" && document.readyState === "complete"`)
}

// checkManager is a manager's way through the demo's figures: who breaks rules, which, in which calls; and the same as a workbook.
func checkManager(t *testing.T, address, password string, records []record) {
	b := enter(t, address, "manager", password)
	b.Do("open the figures", chromedp.Click(chromedp.CSS(`.nav a[href="/trends"]`)))
	b.Becomes(`location.pathname === "/trends" && document.readyState === "complete"`)
	if !ask[bool](b, `document.querySelectorAll("svg.chart .interval").length === 6`) {
		t.Fatalf("the figures show %s", ask[string](b, `document.querySelector("main").innerText`))
	}
	flagged := 0
	for _, r := range records {
		if r.State == "inspected" && len(r.Findings) > 0 {
			flagged++
		}
	}
	if got := ask[int](b, `[...document.querySelectorAll(".tablewrap table.figures tbody tr")].reduce((n, tr) => n + Number(tr.cells[2].textContent), 0)`); got != 8 {
		t.Errorf("the figures are of %d recordings, want the 8 samples", got)
	}
	file := b.download(t, ask[string](b, `document.querySelector(".files a[href*='.xlsx']").href`), "{}")
	book, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatalf("the workbook: %v", err)
	}
	named := false
	for _, f := range book.File {
		if r, err := f.Open(); err == nil {
			b, _ := io.ReadAll(r)
			named = named || bytes.Contains(b, []byte("孙涛"))
			r.Close()
		}
	}
	if !named {
		t.Error("the workbook does not name an agent whom the page names")
	}

	b.Do("open the heat map", chromedp.Click(chromedp.CSS(`.tabs a[href^="/heat"]`)))
	b.Becomes(`document.querySelector("td.heat a") && document.readyState === "complete"`)
	b.picture("heat")
	b.Do("open a cell", chromedp.Focus(chromedp.CSS("td.heat a")), chromedp.KeyEvent("\r"))
	b.Becomes(`document.querySelector("tr[data-recording]") && document.readyState === "complete"`)
	b.Do("open the recording behind it", chromedp.Focus(chromedp.CSS("tr[data-recording] a.rowlink")), chromedp.KeyEvent("\r"))
	b.Becomes(`document.querySelector("article.finding") && document.getElementById("audio")?.readyState > 0`)
	if n := ask[int](b, `document.querySelectorAll("button.confirm, button[value=overturned]").length`); n != 0 {
		t.Errorf("a manager is offered %d decisions", n)
	}
	b.Press("j")
	b.Press(" ")
	b.Becomes(`document.querySelector("mark.current") && document.getElementById("audio").currentTime > 0`)
	b.Go("/trends")
	b.Do("open an agent", chromedp.Click(chromedp.CSS(`.tablewrap table.figures tbody th a`)))
	b.Becomes(`location.pathname.startsWith("/agents/") && document.readyState === "complete"`)
	b.Fill("form.coach [name=note]", "听了两段录音，注意语气。")
	b.Do("put the talk on record", chromedp.Click(chromedp.CSS(`form.coach button`)))
	b.Becomes(`document.querySelector("main").innerText.includes("注意语气")`)
	b.Do("in English", chromedp.Click(chromedp.CSS(`button[name=lang][value=en]`)))
	b.Becomes(`document.documentElement.lang === "en" && document.readyState === "complete"`)
	b.Go("/coverage")
	if h := ask[string](b, `document.querySelector(".tabs [aria-current=page]").textContent`); !strings.Contains(h, "Coverage") {
		t.Errorf("in English the tab reads %q", h)
	}
	if flagged == 0 {
		t.Error("nothing was found in the samples")
	}
}

// checkTrainer is a trainer's way through the demo: a clip cut at a finding, heard, named, put into a course, taken out of the
// house with its sheet.
func checkTrainer(t *testing.T, address, password string) {
	b := enter(t, address, "trainer", password)
	b.Go("/?status=all&rule=threat")
	b.Do("open a recording with a threat", chromedp.Click(chromedp.CSS("tr[data-recording] a.rowlink")))
	b.Becomes(`document.querySelector("[data-finding] .cut") && document.getElementById("audio")?.readyState > 0`)
	b.Do("cut it out", chromedp.Click(chromedp.CSS(`[data-finding] .cut`)))
	b.Becomes(`location.pathname.startsWith("/clips/") && document.getElementById("cut")?.width > 300`)
	long := ask[float64](b, `Number(document.getElementById("clip").dataset.to) - Number(document.getElementById("clip").dataset.from)`)
	ask[bool](b, `(document.getElementById("result").play(), true)`)
	b.Becomes(`document.getElementById("result").currentTime > 0.5`)
	if d := ask[float64](b, `document.getElementById("result").duration`); d < long-.2 || d > long+.2 {
		t.Errorf("a clip of %.1f s sounds for %.1f s", long, d)
	}
	b.Fill("#facts input[name=title]", "威胁一例")
	b.Fill("#facts input[name=tags]", "新人 语气")
	b.Do("name it", chromedp.Click(chromedp.CSS("#facts button.primary")))
	b.Becomes(`document.querySelector("h1").textContent === "威胁一例"`)
	clip := ask[string](b, `location.pathname`)

	b.Go("/playlists")
	b.Fill(`form[action="/playlists"] input[name=title]`, "新人第一课")
	b.Do("begin a course", chromedp.Focus(chromedp.CSS(`form[action="/playlists"] input[name=title]`)), chromedp.KeyEvent("\r"))
	b.Becomes(`location.pathname.startsWith("/playlists/") && document.readyState === "complete"`)
	course := ask[string](b, `location.pathname`)
	b.Go(clip)
	b.Do("put the clip into it", chromedp.Click(chromedp.CSS("#to-playlist button")))
	b.Becomes(`document.querySelectorAll("ol.course li").length === 1`)
	file := b.download(t, "/clips/export", `{method: "POST", body: new URLSearchParams({playlist: `+fmt.Sprintf("%q", path.Base(course))+`, format: "mp3", sheet: "xlsx"})}`)
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatalf("the course: %v", err)
	}
	var names []string
	for _, f := range z.File {
		names = append(names, f.Name)
		if f.UncompressedSize64 < 1000 {
			t.Errorf("%s has %d bytes", f.Name, f.UncompressedSize64)
		}
		if r, err := f.Open(); err == nil && strings.HasSuffix(f.Name, ".mp3") {
			head := make([]byte, 512)
			n, _ := io.ReadFull(r, head)
			if kind := http.DetectContentType(head[:n]); kind != "audio/mpeg" {
				t.Errorf("%s is %s", f.Name, kind)
			}
			r.Close()
		}
	}
	if len(names) != 2 {
		t.Errorf("the course holds %q, want a sound and a sheet", names)
	}
	b.Go("/training")
	b.Becomes(`document.querySelector(".need")`)
	b.Do("in English", chromedp.Click(chromedp.CSS(`button[name=lang][value=en]`)))
	b.Becomes(`document.documentElement.lang === "en" && document.querySelector("h1").textContent.includes("Training")`)
}
