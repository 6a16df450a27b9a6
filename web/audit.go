package web

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/speechqa/speechqa/storage/postgres"
)

// auditStore is what the auditor's page asks of the database.
type auditStore interface {
	// Audit appends to the audit log.
	Audit(ctx context.Context, e postgres.AuditEntry) error
	// AuditLog gives one page of the audit log, the newest entry first.
	AuditLog(ctx context.Context, f postgres.AuditFilter) (postgres.AuditPage, error)
	// AuditActions lists the actions that are on record.
	AuditActions(ctx context.Context) ([]string, error)
	// VerifyAudit walks the whole chain; what is wrong with it is a postgres.ErrTampered.
	VerifyAudit(ctx context.Context, anchors []postgres.Anchor) (postgres.AuditSummary, error)
}

// Anchors are the heads of the audit log's chain that were noted outside the database. Nil where nobody notes any.
type Anchors func(context.Context) ([]postgres.Anchor, error)

const (
	auditPageLimit   = 100
	auditExportLimit = 100_000
)

type auditData struct {
	Page     postgres.AuditPage
	Filter   postgres.AuditFilter
	From, To string
	Actions  []string // to choose from
	Kinds    []string // all of a kind
	NextURL  string
	FirstURL string // empty on the first page
	CSV      string
	Checks   []auditCheck // the last checks of the chain, newest first
	Narrowed bool
}

// auditCheck is a check of the chain as the audit log keeps it.
type auditCheck struct {
	At      time.Time
	Name    string
	Intact  bool   `json:"intact"`
	Entries int64  `json:"entries"`
	Head    string `json:"head"`
	Anchors int    `json:"anchors"`
	Problem string `json:"problem"`
}

func (c *Console) auditPage(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	f, err := c.auditFilter(q)
	if err != nil {
		return err
	}
	d := auditData{Filter: f, From: q.Get("from"), To: q.Get("to")}
	f.Limit = auditPageLimit
	if d.Page, err = c.store.AuditLog(r.Context(), f); err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	if d.Actions, err = c.store.AuditActions(r.Context()); err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	for _, a := range d.Actions {
		kind, _, _ := strings.Cut(a, ".")
		if n := len(d.Kinds); n == 0 || d.Kinds[n-1] != kind+"." {
			d.Kinds = append(d.Kinds, kind+".")
		}
	}
	if d.Checks, err = c.auditChecks(r.Context()); err != nil {
		return err
	}
	if d.Page.Next > 0 {
		d.NextURL = with("/audit", q, "before", strconv.FormatInt(d.Page.Next, 10))
	}
	if f.Before > 0 {
		d.FirstURL = with("/audit", q, "before", "")
	}
	d.CSV = with("/audit.csv", q, "before", "")
	f.Before, f.Limit = 0, 0
	d.Narrowed = f != postgres.AuditFilter{}
	return c.render(w, r, http.StatusOK, "audit", d)
}

func (c *Console) auditFilter(q url.Values) (f postgres.AuditFilter, err error) {
	f = postgres.AuditFilter{Name: strings.TrimSpace(q.Get("name")), Action: strings.TrimSpace(q.Get("action")),
		Subject: strings.TrimSpace(q.Get("subject"))}
	if f.From, err = c.day(q.Get("from")); err != nil {
		return f, err
	}
	if f.To, err = c.day(q.Get("to")); err != nil {
		return f, err
	}
	if !f.To.IsZero() {
		f.To = f.To.AddDate(0, 0, 1) // the form's last day belongs to the span
	}
	if s := q.Get("before"); s != "" {
		if f.Before, err = strconv.ParseInt(s, 10, 64); err != nil || f.Before < 1 {
			return f, errBadRequest
		}
	}
	return f, nil
}

// auditChecks are the last checks of the chain.
func (c *Console) auditChecks(ctx context.Context) ([]auditCheck, error) {
	p, err := c.store.AuditLog(ctx, postgres.AuditFilter{Action: "audit.verify", Limit: 3})
	if err != nil {
		return nil, fmt.Errorf("audit log: %w", err)
	}
	var out []auditCheck
	for _, e := range p.Entries {
		k := auditCheck{At: e.At, Name: e.Name}
		if err := json.Unmarshal([]byte(e.Detail), &k); err != nil {
			return nil, fmt.Errorf("entry %d of the audit log: %w", e.Seq, err)
		}
		out = append(out, k)
	}
	return out, nil
}

// verifyAudit walks the whole chain, compares it with what was noted outside the database, and puts on record what
// came of it.
func (c *Console) verifyAudit(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	var anchors []postgres.Anchor
	if c.anchors != nil {
		var err error
		if anchors, err = c.anchors(ctx); err != nil {
			return fmt.Errorf("heads of the audit log that were noted: %w", err)
		}
	}
	sum, err := c.store.VerifyAudit(ctx, anchors)
	if err != nil && !errors.Is(err, postgres.ErrTampered) {
		return fmt.Errorf("check the audit log: %w", err)
	}
	k := auditCheck{Intact: err == nil, Entries: sum.Entries, Head: hex.EncodeToString(sum.Head[:]), Anchors: sum.Anchors}
	if err != nil {
		k.Problem = err.Error()
		c.log.ErrorContext(ctx, "the audit log was tampered with", "err", err)
	}
	detail, err := json.Marshal(map[string]any{"intact": k.Intact, "entries": k.Entries, "head": k.Head, "anchors": k.Anchors, "problem": k.Problem})
	if err != nil {
		return fmt.Errorf("check the audit log: %w", err)
	}
	by := actor(r)
	if err := c.store.Audit(ctx, postgres.AuditEntry{Actor: by.ID, Name: by.Name, Origin: by.Origin, Action: "audit.verify",
		Subject: "page:/audit", Detail: string(detail)}); err != nil {
		return fmt.Errorf("check the audit log: %w", err)
	}
	http.Redirect(w, r, "/audit", http.StatusSeeOther)
	return nil
}

// auditCSV is what the page shows, whole, as a file that spreadsheets open.
func (c *Console) auditCSV(w http.ResponseWriter, r *http.Request) error {
	f, err := c.auditFilter(r.URL.Query())
	if err != nil {
		return err
	}
	l := visitorOf(r).lang
	var b bytes.Buffer
	b.WriteString("\ufeff") // spreadsheets take a file without it for the local code page
	out := csv.NewWriter(&b)
	header := []string{}
	for _, key := range []string{"seq", "at", "name", "user", "action", "subject", "origin", "detail", "hash"} {
		header = append(header, c.messages.text(l, "audit."+key))
	}
	out.Write(header)
	f.Limit = 1000
	for written := 0; ; {
		p, err := c.store.AuditLog(r.Context(), f)
		if err != nil {
			return fmt.Errorf("audit log: %w", err)
		}
		for _, e := range p.Entries {
			out.Write([]string{strconv.FormatInt(e.Seq, 10), e.At.In(c.loc).Format(time.RFC3339Nano), cell(e.Name), cell(e.Actor), cell(e.Action),
				cell(e.Subject), cell(e.Origin), cell(e.Detail), hex.EncodeToString(e.Hash[:])})
		}
		written += len(p.Entries)
		if f.Before = p.Next; f.Before == 0 {
			break
		}
		if written >= auditExportLimit {
			return errTooMuch
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="audit.csv"`)
	_, err = w.Write(b.Bytes())
	return err
}

// auditRoutes are for who checks what others have done.
func (c *Console) auditRoutes() []route {
	return []route{
		{"GET /audit", permAudit, c.auditPage, "audit.view"},
		{"GET /audit.csv", permAudit, c.auditCSV, "audit.export"},
		{"POST /audit/verify", permAudit, c.verifyAudit, ""},
	}
}
