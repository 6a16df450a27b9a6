package web

import (
	"testing"

	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
	"github.com/speechqa/speechqa/web/browsertest"
)

// The page of a recording says by itself when its claim runs out, and that somebody else has it then.
func TestClaimRunsOutInBrowser(t *testing.T) {
	l := newLibrary(t)
	li := l.user(postgres.User{Name: "li", DisplayName: "李质检", Role: string(RoleClerk)})
	an := l.user(postgres.User{Name: "an", DisplayName: "安质检", Role: string(RoleClerk)})
	if id, err := l.store.ClaimNext(t.Context(), postgres.Scope{}, li.ID, "", ""); err != nil || id != l.recording {
		t.Fatalf("claimed %q (%v)", id, err)
	}
	b := browsertest.Open(t, l.address, l.signIn(li))
	b.Go("/recordings/" + l.recording)
	if !browsertest.Ask[bool](b, `document.getElementById("claim").hidden`) {
		t.Error("a claim that holds is said to have run out")
	}
	storagetest.Exec(t, l.database, `UPDATE recordings SET assigned_until = now() - interval '1 second'`)
	b.Go("/recordings/" + l.recording)
	b.Becomes(`!document.getElementById("claim").hidden`)
	b.Accessible("node_modules")
	b.Picture(pictures, "claim-over")
	// The number of notices comes after the page and moves nothing that somebody is about to click.
	b.Becomes(`document.querySelector(".bell .count")?.textContent === "1"`)
	if moved := browsertest.Ask[float64](b, `(() => { const e = document.querySelector("button[name=lang]"), at = e.getBoundingClientRect().left;
		document.querySelector(".bell span").textContent = ""; return at - e.getBoundingClientRect().left })()`); moved != 0 {
		t.Errorf("the number of notices moves the bar by %v pixels", moved)
	}
	b.Go("/notices")
	b.Becomes(`document.querySelector("li[data-notice=claim_over] a[href='/recordings/` + l.recording + `']")`)

	storagetest.Exec(t, l.database, `UPDATE recordings SET assigned_until = now() + interval '3 seconds'`)
	b.Go("/recordings/" + l.recording)
	storagetest.Exec(t, l.database, `UPDATE recordings SET assignee = '`+an.ID+`', assigned_until = now() + interval '1 hour'`)
	b.Becomes(`document.getElementById("claim").hidden && document.getElementById("claim-passed").textContent.includes("安质检") && !document.getElementById("claim-passed").hidden`)
	b.Picture(pictures, "claim-passed")
}
