package web

import (
	"os"
	"strings"
	"testing"

	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
	"github.com/speechqa/speechqa/web/browsertest"
)

// pictures is where the browser tests leave what they saw; empty: nowhere.
var pictures = os.Getenv("SPEECHQA_TEST_PICTURES")

// everyPicture is where TestEveryPageInBrowser leaves a picture of each page, to look at; empty: nowhere.
var everyPicture = os.Getenv("SPEECHQA_TEST_EVERY_PICTURE")

// The trainer's way in a real browser: cut at a finding, drag an edge, hear the result, let a name through, bleep
// selected words, name the clip, put it in a playlist, find it again.
func TestTrainerInBrowser(t *testing.T) {
	l := newLibrary(t)
	trainer := l.signIn(l.user(postgres.User{Name: "wang", DisplayName: "王培训", Role: string(RoleTrainer)}))
	l.post(trainer, "/playlists", "title", "新人第一课")
	b := browsertest.Open(t, l.address, trainer)
	b.Go("/recordings/" + l.recording)
	b.Becomes(`document.querySelector("[data-finding] .cut")`)
	b.Click("[data-finding] .cut")
	b.Becomes(`location.pathname.startsWith("/clips/") && document.getElementById("cut")?.width > 300`)
	if got := browsertest.Ask[string](b, `document.querySelector("button.pii.on").textContent`); got != "陈国栋" {
		t.Errorf("bleeped: %q", got)
	}
	b.Accessible("node_modules")
	b.Picture(pictures, "clip")

	// The result is heard: real sound, as long as the clip.
	browsertest.Ask[bool](b, `(document.getElementById("result").play(), true)`)
	b.Becomes(`document.getElementById("result").currentTime > 0.5`)
	if d := browsertest.Ask[float64](b, `document.getElementById("result").duration`); d < 7.9 || d > 8.1 {
		t.Errorf("the result is %.2f s long", d)
	}
	b.Click("#play-original")
	b.Becomes(`document.getElementById("original").currentTime > 1 && document.getElementById("result").paused`)
	b.Click("#play-original")

	// An edge follows the pointer; letting go saves it.
	browsertest.Ask[bool](b, `(() => { const c = document.getElementById("cut"), r = c.getBoundingClientRect(), at = s => r.left + s / 10 * r.width;
		for (const [type, s] of [["pointerdown", 1], ["pointermove", 1.5], ["pointermove", 2], ["pointerup", 2]])
			c.dispatchEvent(new PointerEvent(type, {clientX: at(s), clientY: r.top + 20, bubbles: true, pointerId: 1}));
		return true })()`)
	b.Becomes(`Math.abs(Number(document.getElementById("clip").dataset.from) - 2) < 0.1`)
	b.Click("button.pii.on")
	b.Becomes(`document.querySelector("button.pii.off[aria-pressed=false]")`)

	browsertest.Ask[bool](b, `(() => { const text = [...document.querySelector(".clipline .words").childNodes].at(-1), s = getSelection();
		s.setBaseAndExtent(text, text.length - 4, text, text.length); return true })()`)
	b.Becomes(`!document.querySelector(".bleep-selection").hidden`)
	b.Click(".bleep-selection button")
	b.Becomes(`document.querySelector(".pii.added")?.textContent === "明天还钱"`)

	b.Fill("#facts input[name=title]", "语气一例")
	b.Fill("#facts input[name=tags]", "新人 语气")
	b.Click("#facts button.primary")
	b.Becomes(`document.querySelector("h1").textContent === "语气一例"`)
	b.Accessible("node_modules")
	b.Picture(pictures, "clip-changed")
	b.Click("#to-playlist button")
	b.Becomes(`document.querySelectorAll("ol.course li").length === 1`)
	b.Accessible("node_modules")
	b.Picture(pictures, "playlist")
	b.Go("/clips?find=语气")
	b.Becomes(`document.querySelectorAll("tr[data-clip]").length === 1`)
	b.Accessible("node_modules")
	b.Picture(pictures, "clips")
	b.Click(`button[name=lang][value=en]`)
	b.Becomes(`document.documentElement.lang === "en"`)

	record := storagetest.Query(t, l.database, `SELECT action FROM audit_log WHERE name = 'wang' AND action LIKE 'clip.%' ORDER BY seq`)
	if got := strings.Join(record, " "); !strings.HasPrefix(got, "clip.made clip.view") || strings.Count(got, "clip.changed") != 4 {
		t.Errorf("on record: %s", got)
	}
}
