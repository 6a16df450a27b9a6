package web

import (
	"context"
	"fmt"
	"html"
	"net/http"
	"strconv"

	"github.com/speechqa/speechqa/storage/postgres"
)

// noticeStore is what the page of notices asks of the database.
type noticeStore interface {
	Notices(ctx context.Context, who postgres.NoticeFor) ([]postgres.Notice, error)
	NoticesSeen(ctx context.Context, user string) error
}

func (c *Console) noticeRoutes() []route {
	return []route{
		{"GET /notices", permNotices, c.noticesPage, ""},
		{"GET /notices/count", permNotices, c.noticeCount, ""},
	}
}

func (c *Console) notices(r *http.Request) ([]postgres.Notice, error) {
	v := visitorOf(r)
	role := Role(v.user.Role)
	all, err := c.store.Notices(r.Context(), postgres.NoticeFor{User: v.user.ID, Scope: v.scope,
		Reviews: may(role, permReview), Appeals: may(role, permAppeal), Sees: may(role, permAssign) || may(role, permAppeal), Trains: may(role, permMakeClips), Days: c.appealDays})
	if err != nil {
		return nil, fmt.Errorf("notices: %w", err)
	}
	return all, nil
}

// noticesPage shows what is new, and from then on it no longer is.
func (c *Console) noticesPage(w http.ResponseWriter, r *http.Request) error {
	all, err := c.notices(r)
	if err != nil {
		return err
	}
	if err := c.store.NoticesSeen(r.Context(), visitorOf(r).user.ID); err != nil {
		return err
	}
	return c.render(w, r, http.StatusOK, "notices", all)
}

// noticeCount is how much is new, for the bar above every page; nothing where nothing is.
func (c *Console) noticeCount(w http.ResponseWriter, r *http.Request) error {
	all, err := c.notices(r)
	if err != nil {
		return err
	}
	fresh := 0
	for _, n := range all {
		if n.New {
			fresh++
		}
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if fresh > 0 {
		_, err = fmt.Fprintf(w, `<b class="count">%s</b>`, html.EscapeString(strconv.Itoa(fresh)))
	}
	return err
}
