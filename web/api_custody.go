package web

import (
	"net/http"
	"net/url"
	"time"

	"github.com/speechqa/speechqa/custody"
	"github.com/speechqa/speechqa/storage/postgres"
)

func (c *Console) custodyEndpoints() []endpoint {
	return []endpoint{
		{route{"GET /api/v1/custody", permCustody, c.apiCustody, ""}, []string{"GET /custody"}, "What is kept, what protects it, and the legal holds", nil, apiCustody{}},
		{route{"POST /api/v1/custody/holds", permHold, command(apiHoldAsked.form, c.placeHold, c.apiCustody), ""}, []string{"POST /custody/holds"},
			"Place a legal hold on what all that is named has in common; the answer is what is kept", apiHoldAsked{}, apiCustody{}},
		{route{"POST /api/v1/custody/release", permHold, command(apiRelease.form, c.releaseHold, c.apiCustody), ""}, []string{"POST /custody/release"},
			"Release a legal hold; the answer is what is kept", apiRelease{}, apiCustody{}},
		{route{"GET /api/v1/recordings/{id}/evidence", permEvidence, c.evidencePack, "recording.evidence"}, []string{"GET /recordings/{id}/evidence"},
			"A signed pack of everything that the findings rest on; nothing in it is masked", nil, media("application/zip")},
	}
}

// apiHoldAsked is a hold to be placed.
type apiHoldAsked struct {
	Recording string `json:"recording,omitempty" description:"id"`
	Case      string `json:"case,omitempty"`
	Agent     string `json:"agent,omitempty" description:"agent id"`
	From      string `json:"from,omitempty" description:"first day of the contact, 2006-01-02"`
	To        string `json:"to,omitempty" description:"last day of the contact"`
	Reason    string `json:"reason"`
	Owner     string `json:"owner" description:"who answers for it"`
}

func (d apiHoldAsked) form() url.Values {
	return url.Values{"recording": {d.Recording}, "case": {d.Case}, "agent": {d.Agent}, "from": {d.From}, "to": {d.To}, "reason": {d.Reason}, "owner": {d.Owner}}
}

// apiRelease is a hold to be released.
type apiRelease struct {
	Hold   string `json:"hold" description:"id"`
	Reason string `json:"reason"`
}

func (d apiRelease) form() url.Values { return url.Values{"hold": {d.Hold}, "reason": {d.Reason}} }

type apiCustody struct {
	Kept        int64           `json:"kept" description:"recordings"`
	Bytes       int64           `json:"bytes"`
	Unlocked    int64           `json:"unlocked" description:"not locked in the store until their date"`
	Unhashed    int64           `json:"unhashed" description:"without a SHA-256"`
	Unchecked   int64           `json:"unchecked" description:"never read against it"`
	Held        int64           `json:"held"`
	Expired     int64           `json:"expired" description:"past their date and not held"`
	Proposed    int64           `json:"proposed" description:"in a disposal under way"`
	Destroyed   int64           `json:"destroyed"`
	Troubled    int64           `json:"troubled" description:"with a problem"`
	Uncopied    int64           `json:"uncopied" description:"without a second copy that counts"`
	Next        *time.Time      `json:"next,omitempty" description:"the earliest date to come"`
	Unprotected []string        `json:"unprotected" description:"buckets without object lock"`
	Years       []apiYear       `json:"years"`
	Problems    []apiTrouble    `json:"problems" description:"the first hundred"`
	Terms       []apiTerm       `json:"terms"`
	Copies      apiCopyStanding `json:"copies"`
	Holds       []apiHold       `json:"holds" description:"those in force first"`
}

type apiYear struct {
	Year       int   `json:"year" description:"in which they may be destroyed"`
	Recordings int64 `json:"recordings"`
	Bytes      int64 `json:"bytes"`
}

type apiTrouble struct {
	Recording string `json:"recording"`
	Problem   string `json:"problem"`
}

type apiTerm struct {
	Principal string `json:"principal" description:"empty: all others"`
	Years     int    `json:"years"`
}

// apiCopyStanding is how the second copies stand.
type apiCopyStanding struct {
	Store   string     `json:"store,omitempty" description:"empty: nobody ever had one"`
	Problem string     `json:"problem,omitempty"`
	Locks   bool       `json:"locks"`
	Waiting int64      `json:"waiting"`
	Stuck   int64      `json:"stuck"`
	Oldest  *time.Time `json:"oldest,omitempty"`
}

func apiCopies(s postgres.CopyStanding) apiCopyStanding {
	return apiCopyStanding{s.Store, s.Problem, s.Locks, s.Waiting, s.Stuck, moment(s.Oldest)}
}

type apiHold struct {
	ID            string     `json:"id"`
	Recording     string     `json:"recording,omitempty"`
	Case          string     `json:"case,omitempty"`
	Agent         string     `json:"agent,omitempty"`
	From          *time.Time `json:"from,omitempty"`
	To            *time.Time `json:"to,omitempty" description:"exclusive"`
	Reason        string     `json:"reason"`
	Owner         string     `json:"owner"`
	By            string     `json:"by"`
	At            time.Time  `json:"at"`
	Matches       int64      `json:"matches" description:"recordings it keeps"`
	ReleasedAt    *time.Time `json:"released_at,omitempty"`
	ReleasedBy    string     `json:"released_by,omitempty"`
	ReleaseReason string     `json:"release_reason,omitempty"`
}

func apiHoldOf(h custody.Hold) apiHold {
	return apiHold{h.ID, h.Recording, h.CaseID, h.AgentID, moment(h.From), moment(h.To), h.Reason, h.Owner, h.By, h.At.UTC(), h.Matches,
		moment(h.ReleasedAt), h.ReleasedBy, h.ReleaseReason}
}

func (c *Console) apiCustody(w http.ResponseWriter, r *http.Request) error {
	d, err := shown[custodyData](r, c.custodyPage)
	if err != nil {
		return err
	}
	p := d.Report
	out := apiCustody{Kept: p.Kept, Bytes: p.Bytes, Unlocked: p.Unlocked, Unhashed: p.Unhashed, Unchecked: p.Unchecked, Held: p.Held, Expired: p.Expired,
		Proposed: p.Proposed, Destroyed: p.Destroyed, Troubled: p.Troubled, Uncopied: p.Uncopied, Next: moment(p.Next), Unprotected: append([]string{}, d.Unprotected...),
		Years: []apiYear{}, Problems: []apiTrouble{}, Terms: []apiTerm{}, Holds: []apiHold{}, Copies: apiCopies(p.Copies)}
	for _, y := range p.Years {
		out.Years = append(out.Years, apiYear(y))
	}
	for _, x := range p.Problems {
		out.Problems = append(out.Problems, apiTrouble{x.Recording, x.Problem}) // no key: file names hold numbers and names
	}
	for _, t := range p.Terms {
		out.Terms = append(out.Terms, apiTerm(t))
	}
	for _, h := range d.Holds {
		out.Holds = append(out.Holds, apiHoldOf(h))
	}
	return writeJSON(w, out)
}
