package web

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
	"github.com/speechqa/speechqa/storage/storagetest/office"
	"github.com/speechqa/speechqa/web/browsertest"
)

// What is printed holds the page's content on white paper, as wide as the paper and no wider, says what it is, who
// printed it and when, and has nothing that only works on a screen.
func TestPrintedPages(t *testing.T) {
	d := newDesk(t)
	o := office.Office{Recordings: 300, Agents: 8, Days: 20, Until: time.Now()}
	if err := o.Load(t.Context(), d.database, func(string) {}); err != nil {
		t.Fatal(err)
	}
	lead := d.user(postgres.User{Name: "lead", DisplayName: "王组长", Role: string(RoleLead)})
	clip, err := d.store.CreateClip(t.Context(), postgres.Clip{Recording: d.worse, To: 2, Title: "开场白", Example: "good"}, postgres.AuditEntry{Actor: lead.ID, Name: lead.Name})
	if err != nil {
		t.Fatal(err)
	}
	list, err := d.store.CreatePlaylist(t.Context(), "入职第一课", "", postgres.AuditEntry{Actor: lead.ID, Name: lead.Name})
	if err == nil {
		err = d.store.AddToPlaylist(t.Context(), postgres.Scope{}, list, clip, postgres.AuditEntry{Actor: lead.ID, Name: lead.Name})
	}
	if err != nil {
		t.Fatal(err)
	}
	agent := storagetest.Query(t, d.database, `SELECT agent_id FROM recordings WHERE agent_id <> '' LIMIT 1`)[0]
	b := browsertest.Open(t, d.address, d.signIn(lead))
	for name, p := range map[string]struct {
		at    string
		lying bool
	}{
		"recording": {at: "/recordings/" + d.worse}, "daily": {at: "/daily"}, "spotcheck": {at: "/spotcheck", lying: true}, "trends": {at: "/trends", lying: true}, "heat": {at: "/heat", lying: true},
		"coverage": {at: "/coverage", lying: true}, "training": {at: "/training"}, "agent": {at: "/agents/" + agent}, "playlist": {at: "/playlists/" + list}, "quality": {at: "/quality", lying: true},
	} {
		b.Paper(p.lying)
		b.Go(p.at)
		b.Picture(pictures, "print-"+name)
		if wide := browsertest.Ask[float64](b, `document.documentElement.scrollWidth - innerWidth`); wide > 0 {
			t.Errorf("%s is %v pixels wider than the paper", name, wide)
		}
		if cut := browsertest.Ask[[]string](b, `[...document.querySelectorAll("main *")].filter(e => e.checkVisibility() && e.scrollWidth > e.clientWidth + 1 && ["auto", "scroll", "hidden"].includes(getComputedStyle(e).overflowX) && !e.closest(".visually-hidden"))
			.map(e => e.tagName + "." + e.className)`); len(cut) > 0 {
			t.Errorf("%s: cut off: %q", name, cut)
		}
		if seen := browsertest.Ask[[]string](b, `[...document.querySelectorAll("header.top, nav, button:not(.at):not(.hear), input, select, textarea, audio, canvas, .tabs, .filters, .files, .flash")].filter(e => e.checkVisibility()).map(e => e.tagName + "." + e.className)`); len(seen) > 0 {
			t.Errorf("%s prints what only works on a screen: %q", name, seen)
		}
		if dark := browsertest.Ask[[]string](b, `[document.documentElement, ...document.querySelectorAll("body, main, .card, .pane, table, th, td")].filter(e => e.checkVisibility() && (c => c.length && (c.length < 4 || +c[3] > .5) && c.slice(0, 3).reduce((a, x) => a + +x, 0) < 450)(
			getComputedStyle(e).backgroundColor.match(/[\d.]+/g) ?? [])).map(e => e.tagName + "." + e.className + " " + getComputedStyle(e).backgroundColor)`); len(dark) > 0 {
			t.Errorf("%s is dark on paper: %q", name, dark[:min(3, len(dark))])
		}
		if sheets := b.Sheets(); len(sheets) == 0 || slices.Contains(sheets, !p.lying) {
			t.Errorf("%s is printed on sheets of which lie: %v, want all %v", name, sheets, p.lying)
		}
		foot := browsertest.Ask[string](b, `(e => e && e.checkVisibility() ? e.innerText : "")(document.querySelector(".printed"))`)
		if !strings.Contains(foot, "王组长") || !strings.Contains(foot, time.Now().Format("2006-01")) {
			t.Errorf("%s says of its printing %q", name, foot)
		}
	}
}
