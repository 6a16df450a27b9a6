package web

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/web/browsertest"
)

// The keys of the player, on sound that really plays: evidence from 3 seconds before it and over again, 5 seconds back and
// on, every speed, silence left out, one side alone. Then both speakers change sides, and both outcomes are kept.
func TestPlayerKeysInBrowser(t *testing.T) {
	d := newDesk(t)
	b := browsertest.Open(t, d.address, d.signIn(d.user(postgres.User{Name: "li", DisplayName: "李质检", Role: string(RoleClerk)})))
	b.Go("/recordings/" + d.worse)
	b.Becomes(`document.getElementById("audio").readyState > 0 && document.querySelector("#wave > *") && !document.getElementById("side").disabled`)
	const audio = `document.getElementById("audio")`
	browsertest.Ask[bool](b, `(window.seeks = [], `+audio+`.addEventListener("seeked", e => seeks.push(e.target.currentTime)), true)`)
	seeks := func(from, to float64) {
		t.Helper()
		b.Becomes(fmt.Sprintf(`seeks.some(s => s >= %g && s <= %g)`, from, to))
		browsertest.Ask[bool](b, `(seeks.length = 0, true)`)
	}
	at := func(second float64) {
		browsertest.Ask[bool](b, fmt.Sprintf(`(%s.currentTime = %g, true)`, audio, second))
		seeks(second-.3, second+.3)
	}

	b.Press("j")
	b.Becomes(`document.querySelector(".finding.current").dataset.finding === "threat"`)
	seeks(7.7, 8.3) // it is said from 11 to 17 s
	b.Becomes(audio + `.currentTime > 8.5`)
	b.Press("l")
	at(17.5)
	seeks(7.7, 8.3)
	b.Press("l")
	b.Becomes(`!document.getElementById("loop").checked`)
	b.Press("s")
	at(18.7) // nobody speaks from 18.5 to 23 s
	seeks(21.5, 23)
	b.Press("s")
	b.Press(" ")
	b.Becomes(audio + `.paused`)

	at(10)
	b.Press(kb.ArrowRight)
	seeks(14.9, 15.1)
	for _, want := range []float64{10, 5, 0} {
		b.Press(kb.ArrowLeft)
		seeks(want-.1, want+.1)
	}
	for _, step := range []struct {
		key  string
		rate float64
	}{{"-", .75}, {"-", .75}, {"+", 1}, {"+", 1.25}, {"=", 1.5}, {"+", 2}, {"+", 2.5}, {"+", 2.5}} {
		b.Press(step.key)
		b.Becomes(fmt.Sprintf(`%s.playbackRate === %g`, audio, step.rate))
	}
	for _, side := range []string{"agent", "customer", "both"} {
		b.Press("m")
		b.Becomes(`document.getElementById("side").value === "` + side + `"`)
	}

	before := d.review(d.worse)
	browsertest.Ask[bool](b, `(document.querySelector("details.speakers summary").focus(), true)`)
	b.Press(kb.Enter)
	b.Becomes(`document.querySelector("details.speakers").open`)
	browsertest.Ask[bool](b, `(document.querySelector("#speakers button[name=swap]").focus(), true)`)
	b.Press(kb.Enter)
	b.Becomes(`document.querySelector("#review[data-again]")`)
	d.inspect(d.worse, d.review(d.worse).TranscriptHash, 100)
	b.Becomes(`document.readyState === "complete" && document.querySelector(".correction") && !document.querySelector("#review[data-again]")`)
	if s := browsertest.Ask[string](b, `document.getElementById("t-0").dataset.speaker + " " + document.getElementById("t-1").dataset.speaker`); s != "customer agent" {
		t.Errorf("after the swap the first two lines are by %s", s)
	}
	after := d.review(d.worse)
	if len(after.Corrections) != 1 || after.Corrections[0].Before.Score != before.Score || len(after.Corrections[0].Before.Findings) != len(before.Findings) || after.Score != 100 {
		t.Errorf("kept of before: %+v; the score is now %d", after.Corrections, after.Score)
	}
}
