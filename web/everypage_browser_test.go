package web

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
	"github.com/speechqa/speechqa/storage/storagetest/office"
	"github.com/speechqa/speechqa/web/browsertest"
)

// whoSees are the roles of whom the first that may see a page looks at it: whoever may do most there.
var whoSees = []Role{RoleLead, RoleManager, RoleAdmin, RoleAuditor, RoleOperator, RoleTrainer, RoleClerk, RoleAgent}

// Every page of the route table, filled, is accessible, fits the screen of an office, and makes the browser complain of
// nothing: in Chinese by day and, where colours and room are concerned, in English by night. Which routes are pages their answers say; an address that placeOf does
// not know fails the test.
func TestEveryPageInBrowser(t *testing.T) {
	d := newDesk(t)
	o := office.Office{Recordings: 300, Agents: 8, Days: 20, Until: time.Now()}
	if err := o.Load(t.Context(), d.database, func(string) {}); err != nil {
		t.Fatal(err)
	}
	d.own = d.recording(nil, "own.wav", sampleReview().Recording.Metadata, "你好")
	d.foreign = d.recording(nil, "other.wav", sampleReview().Recording.Metadata, "再见")
	d.target = d.user(postgres.User{Name: "target", DisplayName: "目标", Role: string(RoleClerk)}).ID
	viewer := d.user(postgres.User{Name: "viewer", DisplayName: "王组长", Role: string(RoleLead), Teams: []string{EveryTeam}, AgentID: "2015"})
	cookie := d.signIn(viewer)
	become := func(role Role) {
		teams := "{}"
		if role == RoleManager {
			teams = "{" + EveryTeam + "}"
		}
		storagetest.Exec(t, d.database, `UPDATE users SET role = '`+string(role)+`', teams = '`+teams+`' WHERE name = 'viewer'`)
	}
	speak := func(l Lang) {
		storagetest.Exec(t, d.database, `UPDATE users SET lang = '`+string(l)+`' WHERE name = 'viewer'`)
	}

	// Pages whose filled place is another than the matrix's.
	filled := map[string]string{"GET /recordings/{id}": "/recordings/" + d.worse, "GET /agents/{agent}": "/agents/2015"}
	type page struct {
		at  string
		who Role
	}
	var pages []page
	for _, r := range d.console.table() {
		method, path, _ := strings.Cut(r.pattern, " ")
		if method != http.MethodGet || strings.HasPrefix(path, "/login") || strings.HasPrefix(path, "/operations/queues/") || strings.HasSuffix(path, "/audio") || strings.HasSuffix(path, "/evidence") {
			continue // log-in pages: TestAccessInBrowser; the queue tool is no page of ours; sound and packs
		}
		i := slices.IndexFunc(whoSees, func(role Role) bool { return r.need == permPublic || may(role, r.need) })
		if i < 0 {
			t.Fatalf("nobody may see %s", r.pattern)
		}
		become(whoSees[i])
		at := filled[r.pattern]
		if at == "" {
			at = d.placeOf(r.pattern, cookie).own
		}
		a := d.ask(method, at, cookie)
		if !strings.Contains(a.body, "<html") {
			continue // data, a file or a part of a page
		}
		if a.status != http.StatusOK {
			t.Errorf("%s: status %d", at, a.status)
		}
		pages = append(pages, page{at, whoSees[i]})
	}
	if len(pages) < 30 {
		t.Fatalf("only %d pages: the test no longer sees what is a page", len(pages))
	}
	pages = append(pages, page{"/no-such-page", RoleLead}, page{"/?q=0000&status=all", RoleLead}, page{"/appeals", RoleAgent}, page{"/notices", RoleClerk})
	slices.SortStableFunc(pages, func(a, b page) int { return slices.Index(whoSees, a.who) - slices.Index(whoSees, b.who) })

	b := browsertest.Open(t, d.address, cookie)
	b.Expect("404 (Not Found)") // the page that is not there, and sound of made-up recordings
	for _, l := range langs {
		b.Dark(l == English)
		speak(l)
		for _, p := range pages {
			become(p.who)
			b.Go(p.at)
			if got := browsertest.Ask[string](b, `document.documentElement.lang`); !strings.HasPrefix(got, string(l)) {
				t.Errorf("%s is in %s, not in %s", p.at, got, l)
			}
			if l == Chinese {
				b.Accessible("node_modules")
			} else {
				b.Accessible("node_modules", "color-contrast")
			}
			if wide := browsertest.Ask[float64](b, `document.documentElement.scrollWidth - innerWidth`); wide > 0 {
				t.Errorf("%s (%s) is %v pixels wider than the screen", p.at, l, wide)
			}
			b.Picture(everyPicture, string(l)+strings.NewReplacer("/", "_", "?", "_", "&", "_").Replace(p.at))
		}
	}
	t.Logf("%d pages", len(pages))
}
