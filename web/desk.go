package web

import (
	"context"
	"time"

	"github.com/speechqa/speechqa/storage/postgres"
)

// deskStore is what the clerk's pages ask of the database, beside the list and the recording.
type deskStore interface {
	// AddFinding stores a finding that a person heard, with the score that follows from it.
	AddFinding(ctx context.Context, a postgres.Addition, rescore postgres.Rescore) error
	// Undo takes back the user's last act on a recording; postgres.ErrNothingToUndo where there is none of his.
	Undo(ctx context.Context, a postgres.Act, rescore postgres.Rescore) error
	// Dispose puts on record what is done about a recording.
	Dispose(ctx context.Context, a postgres.Act, d postgres.Disposition, rescore postgres.Rescore) error
	// DispositionDone puts on record that what is in force about a recording was done.
	DispositionDone(ctx context.Context, recording, user, origin string) error
	// CorrectSpeakers keeps who really speaks and has the recording inspected again.
	CorrectSpeakers(ctx context.Context, a postgres.Act, transcriptHash string, change postgres.Roles, note string) error
	// ClaimNext gives the user the next recording in the scope to judge, which nobody else has, or "".
	ClaimNext(ctx context.Context, sc postgres.Scope, user, origin, after string) (string, error)
	// Holder is who has a recording now; empty for nobody.
	Holder(ctx context.Context, id string) (user, name string, err error)
	// Assign gives recordings in the scope to a user, or takes them back where assignee is empty.
	Assign(ctx context.Context, sc postgres.Scope, by, origin, assignee string, ids []string) (int64, error)
	// Counts says for each filter how many recordings in the scope fit, up to a bound.
	Counts(ctx context.Context, sc postgres.Scope, filters []postgres.ListFilter) ([]int, error)
	// SavedFilters, SaveFilter and DropFilter are about a user's own filters of the list.
	SavedFilters(ctx context.Context, user string) ([]postgres.SavedFilter, error)
	SaveFilter(ctx context.Context, user, origin, name, query string) error
	DropFilter(ctx context.Context, user, origin string, id int64) error
	// ClerkDay is what a user has done since a moment; ClerkDays of everybody of some roles.
	ClerkDay(ctx context.Context, user string, since time.Time) (postgres.ClerkDay, error)
	ClerkDays(ctx context.Context, since time.Time, roles []string) ([]postgres.ClerkDay, error)
	// SetQuota sets how many recordings a day are expected of a user.
	SetQuota(ctx context.Context, by, origin, user string, quota int) error
}

// deskRoutes are what clerks and their leads do.
func (c *Console) deskRoutes() []route {
	return []route{
		{"POST /next", permReview, c.nextRecording, ""},
		{"GET /counts", permOwn, c.counts, ""},
		{"POST /filters", permReview, c.saveFilter, ""},
		{"POST /filters/drop", permReview, c.dropFilter, ""},
		{"POST /assign", permAssign, c.assign, ""},
		{"GET /desk", permAssign, c.deskPage, ""},
		{"POST /desk/quota", permAssign, c.setQuota, ""},
		{"POST /recordings/{id}/findings", permReview, c.addFinding, ""},
		{"POST /recordings/{id}/undo", permReview, c.undo, ""},
		{"POST /recordings/{id}/disposition", permReview, c.dispose, ""},
		{"POST /recordings/{id}/disposition/done", permFollow, c.dispositionDone, ""},
		{"POST /recordings/{id}/speakers", permReview, c.correctSpeakers, ""},
		{"GET /recordings/{id}/state", permOwn, c.recordingState, ""},
	}
}
