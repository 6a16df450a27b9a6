package web

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/speechqa/speechqa/storage/postgres"
)

func (c *Console) auditEndpoints() []endpoint {
	return []endpoint{
		{route{"GET /api/v1/audit", permAudit, c.apiAudit, "audit.view"}, []string{"GET /audit"}, "What everybody did, the newest first", apiAuditQuery{}, apiPage[apiAuditEntry]{}},
		{route{"GET /api/v1/audit.csv", permAudit, c.auditCSV, "audit.export"}, []string{"GET /audit.csv"}, "The same as a table", apiAuditFilter{}, media("text/csv")},
		{route{"POST /api/v1/audit/verify", permAudit, c.apiVerifyAudit, ""}, []string{"POST /audit/verify"}, "Check the whole chain; the answer is what came of it, which is on record too", nil, apiAuditCheck{}},
	}
}

type apiAuditFilter struct {
	Name    string `query:"name" description:"log-in name"`
	Action  string `query:"action" description:"as recording.view; with a dot at the end all of a kind"`
	Subject string `query:"subject" description:"as recording:ID"`
	From    string `query:"from" description:"first day, 2006-01-02"`
	To      string `query:"to" description:"last day, 2006-01-02"`
}

type apiAuditQuery struct {
	apiAuditFilter
	Before string `query:"before" description:"next of the page before"`
}

type apiAuditEntry struct {
	Seq     int64          `json:"seq" description:"from 1, without gaps"`
	At      time.Time      `json:"at"`
	User    string         `json:"user,omitempty" description:"id"`
	Name    string         `json:"name,omitempty"`
	Action  string         `json:"action"`
	Subject string         `json:"subject"`
	Origin  string         `json:"origin,omitempty"`
	Detail  map[string]any `json:"detail,omitempty"`
	Hash    string         `json:"hash"`
}

type apiAuditCheck struct {
	At      time.Time `json:"at"`
	By      string    `json:"by"`
	Intact  bool      `json:"intact"`
	Entries int64     `json:"entries"`
	Head    string    `json:"head" description:"hash of the newest entry"`
	Anchors int       `json:"anchors" description:"heads that were noted outside the database and compared"`
	Problem string    `json:"problem,omitempty"`
}

func apiAuditOf(e postgres.AuditEntry) (apiAuditEntry, error) {
	out := apiAuditEntry{Seq: e.Seq, At: e.At.UTC(), User: e.Actor, Name: e.Name, Action: e.Action, Subject: e.Subject, Origin: e.Origin, Hash: hex.EncodeToString(e.Hash[:])}
	if e.Detail != "" {
		if err := json.Unmarshal([]byte(e.Detail), &out.Detail); err != nil {
			return out, fmt.Errorf("entry %d of the audit log: %w", e.Seq, err)
		}
	}
	return out, nil
}

func (c *Console) apiAudit(w http.ResponseWriter, r *http.Request) error {
	d, err := shown[auditData](r, c.auditPage)
	if err != nil {
		return err
	}
	out := apiPage[apiAuditEntry]{Items: []apiAuditEntry{}}
	for _, e := range d.Page.Entries {
		x, err := apiAuditOf(e)
		if err != nil {
			return err
		}
		out.Items = append(out.Items, x)
	}
	if d.Page.Next > 0 {
		out.Next = strconv.FormatInt(d.Page.Next, 10)
	}
	return writeJSON(w, out)
}

func (c *Console) apiVerifyAudit(w http.ResponseWriter, r *http.Request) error {
	if _, err := acted(r, nil, c.verifyAudit); err != nil {
		return err
	}
	checks, err := c.auditChecks(r.Context())
	if err != nil {
		return err
	}
	k := checks[0] // the one just put on record, or a newer one
	return writeJSON(w, apiAuditCheck{k.At.UTC(), k.Name, k.Intact, k.Entries, k.Head, k.Anchors, k.Problem})
}
