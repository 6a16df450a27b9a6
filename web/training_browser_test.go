package web

import (
	"testing"

	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
	"github.com/speechqa/speechqa/web/browsertest"
)

// From what a team needs to a clip of it, which is then heard where the need is shown.
func TestLessonsInBrowser(t *testing.T) {
	l := newLibrary(t)
	storagetest.Exec(t, l.database, `UPDATE recordings SET started_at = now() - interval '1 hour'`)
	b := browsertest.Open(t, l.address, l.signIn(l.user(postgres.User{Name: "trainer", DisplayName: "钱培训", Role: string(RoleTrainer)})))
	b.Go("/training")
	b.Click(".lesson button")
	b.Becomes(`location.pathname.startsWith("/clips/") && document.readyState === "complete"`)
	b.Go("/training")
	b.Accessible("node_modules")
	b.Picture(pictures, "training-lesson")
	browsertest.Ask[bool](b, `(document.querySelector(".lesson audio").play(), true)`)
	b.Becomes(`document.querySelector(".lesson audio").currentTime > 0.3`)
	b.Click(".shelf a")
	b.Becomes(`location.pathname === "/clips" && document.querySelector("main a[href^='/clips/']") && document.readyState === "complete"`)
}
