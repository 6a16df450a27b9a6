package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/speechqa/speechqa/custody"
)

// disposalEndpoints has no approval: who approves is asked again for his password and second factor, and a key has neither.
func (c *Console) disposalEndpoints() []endpoint {
	return []endpoint{
		{route{"GET /api/v1/disposals", permCustody, c.apiDisposals, ""}, []string{"GET /disposals"}, "What could be destroyed, what stands against it, and all batches", nil, apiDisposals{}},
		{route{"POST /api/v1/disposals", permPropose, c.apiPropose, ""}, []string{"POST /disposals"}, "Propose to destroy what is past its date; somebody else approves", apiProposal{}, apiDisposal{}},
		{route{"GET /api/v1/disposals/{disposal}", permCustody, c.apiDisposal, ""}, []string{"GET /disposals/{disposal}"}, "One batch and its recordings", apiDisposalQuery{}, apiDisposal{}},
		{route{"POST /api/v1/disposals/{disposal}/refuse", permApprove, command(apiNote.form, c.refuse, c.apiDisposal), ""}, []string{"POST /disposals/{disposal}/refuse"}, "Refuse a batch", apiNote{}, apiDisposal{}},
		{route{"POST /api/v1/disposals/{disposal}/withdraw", permStop, command(apiNote.form, c.withdraw, c.apiDisposal), ""}, []string{"POST /disposals/{disposal}/withdraw"},
			"Take a proposal back, or stop what is approved and not begun", apiNote{}, apiDisposal{}},
		{route{"GET /api/v1/disposals/{disposal}/record", permCustody, c.apiDisposalRecord, "disposal.record"}, []string{"GET /disposals/{disposal}/record"},
			"The signed record of a batch that has ended", nil, apiSigned{}},
	}
}

// apiNote is what may be said with an act.
type apiNote struct {
	Note string `json:"note,omitempty"`
}

func (d apiNote) form() url.Values { return url.Values{"note": {d.Note}} }

// apiProposal is a batch to be put before those who approve.
type apiProposal struct {
	Why       string `json:"why"`
	Until     string `json:"until" description:"last day on which it may be approved and begun, 2006-01-02"`
	Before    string `json:"before,omitempty" description:"only contacts before this day"`
	Principal string `json:"principal,omitempty" description:"only of this one"`
	Limit     int    `json:"limit,omitempty" description:"at most so many recordings"`
}

type apiDisposalQuery struct {
	State string `query:"state" description:"only recordings of this state"`
	After string `query:"after" description:"next of the page before"`
}

type apiDisposals struct {
	Due     int64            `json:"due" description:"past their date, not destroyed, in no batch under way"`
	Ready   int64            `json:"ready" description:"of these, nothing stands against"`
	Against map[string]int64 `json:"against" description:"by reason; one recording may have several"`
	Items   []apiDisposal    `json:"items" description:"without their recordings"`
}

type apiDisposal struct {
	ID         string            `json:"id"`
	Why        string            `json:"why"`
	State      string            `json:"state"`
	HoldsUntil time.Time         `json:"holds_until"`
	ProposedBy string            `json:"proposed_by"`
	ProposedAt time.Time         `json:"proposed_at"`
	DecidedBy  string            `json:"decided_by,omitempty"`
	DecidedAt  *time.Time        `json:"decided_at,omitempty"`
	Note       string            `json:"note,omitempty"`
	EndedAt    *time.Time        `json:"ended_at,omitempty"`
	Recordings int64             `json:"recordings"`
	Bytes      int64             `json:"bytes"`
	Counts     map[string]int64  `json:"counts" description:"recordings by state"`
	Reasons    map[string]int64  `json:"reasons" description:"why some stay"`
	Problems   int64             `json:"problems" description:"recordings whose last try failed"`
	Items      []apiDisposalItem `json:"items,omitempty"`
	Next       string            `json:"next,omitempty"`
}

type apiDisposalItem struct {
	Recording   string     `json:"recording"`
	RecordedAt  *time.Time `json:"recorded_at,omitempty"`
	RetainUntil *time.Time `json:"retain_until,omitempty"`
	Size        int64      `json:"size" description:"bytes"`
	CopyAt      *time.Time `json:"copy_at,omitempty" description:"when the second copy was last found well"`
	State       string     `json:"state"`
	Reasons     []string   `json:"reasons"`
	Problem     string     `json:"problem,omitempty"`
}

type apiSigned struct {
	Record    string `json:"record" description:"a JSON document, byte for byte as it was signed"`
	Signature string `json:"signature" description:"minisign"`
}

func apiDisposalOf(d custody.Disposal, rows []custody.DisposalRow) apiDisposal {
	out := apiDisposal{ID: d.ID, Why: d.Why, State: string(d.State), HoldsUntil: d.HoldsUntil.UTC(), ProposedBy: d.ProposedBy, ProposedAt: d.ProposedAt.UTC(),
		DecidedBy: d.DecidedBy, DecidedAt: moment(d.DecidedAt), Note: d.Note, EndedAt: moment(d.EndedAt), Recordings: d.Recordings, Bytes: d.Bytes,
		Counts: map[string]int64{}, Reasons: map[string]int64{}, Problems: d.Problems}
	for state, n := range d.Counts {
		out.Counts[string(state)] = n
	}
	for code, n := range d.Reasons {
		out.Reasons[code] = n
	}
	for _, row := range rows {
		out.Items = append(out.Items, apiDisposalItem{row.Recording, moment(row.RecordedAt), moment(row.RetainUntil), row.Size, moment(row.CopyAt), string(row.State),
			append([]string{}, row.Reasons...), row.Problem})
	}
	if len(rows) == disposalRows {
		out.Next = rows[len(rows)-1].Recording
	}
	return out
}

func (c *Console) apiDisposals(w http.ResponseWriter, r *http.Request) error {
	d, err := shown[disposalsData](r, c.disposalsPage)
	if err != nil {
		return err
	}
	out := apiDisposals{Due: d.Outlook.Due, Ready: d.Outlook.Ready, Against: map[string]int64{}, Items: []apiDisposal{}}
	for code, n := range d.Outlook.Against {
		out.Against[code] = n
	}
	for _, x := range d.Disposals {
		out.Items = append(out.Items, apiDisposalOf(x, nil))
	}
	return writeJSON(w, out)
}

func (c *Console) apiDisposal(w http.ResponseWriter, r *http.Request) error {
	d, err := shown[disposalData](r, c.disposalPage)
	if err != nil {
		return err
	}
	return writeJSON(w, apiDisposalOf(d.Disposal, d.Rows))
}

func (c *Console) apiPropose(w http.ResponseWriter, r *http.Request) error {
	var d apiProposal
	if err := body(w, r, &d); err != nil {
		return err
	}
	form := url.Values{"why": {d.Why}, "until": {d.Until}, "before": {d.Before}, "principal": {d.Principal}}
	if d.Limit != 0 {
		form.Set("limit", strconv.Itoa(d.Limit))
	}
	to, err := acted(r, form, c.propose)
	if err != nil {
		return err
	}
	w.Header().Set("Location", apiPath+strings.TrimPrefix(to, "/"))
	r.SetPathValue("disposal", strings.TrimPrefix(to, "/disposals/"))
	return c.apiDisposal(w, r)
}

func (c *Console) apiDisposalRecord(w http.ResponseWriter, r *http.Request) error {
	id, err := pathUUID(r, "disposal")
	if err != nil {
		return err
	}
	record, signature, err := c.store.DisposalRecord(r.Context(), visitorOf(r).scope, id)
	if err != nil {
		return fmt.Errorf("record of disposal %s: %w", id, err)
	}
	return writeJSON(w, apiSigned{record, signature})
}
