package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/speechqa/speechqa/custody"
	"github.com/speechqa/speechqa/storage/postgres"
)

// retentionCmd says how long recordings are kept.
type retentionCmd struct {
	Report retentionReportCmd `cmd:"" help:"What is kept, until when, and what lacks lock, hash or second copy."`
	Term   retentionTermCmd   `cmd:"" help:"Show the principals' terms, or set one: three years are the least."`
	Extend retentionExtendCmd `cmd:"" help:"Keep one recording for longer."`
	Hold   retentionHoldCmd   `cmd:"" help:"Legal holds: keep recordings whatever their date."`

	Dispose disposeCmd `cmd:"" help:"Destroy what is past its date: one person proposes, another approves, it runs off-peak."`
}

// givenBy say who gives a command; a shell proves nobody's identity, so the system's account is noted with it.
type givenBy struct {
	By string `placeholder:"NAME" help:"Who gives this command, for the audit log; default: the system's account."`
}

func (f givenBy) actor() custody.Actor {
	account := "?"
	if u, err := user.Current(); err == nil {
		account = u.Username
	}
	host, err := os.Hostname()
	if err != nil {
		host = "?"
	}
	name := account
	if f.By != "" {
		name = f.By
	}
	return custody.Actor{Name: name, Origin: "command of " + account + "@" + host}
}

type retentionReportCmd struct {
	databaseFlags
	JSON bool `name:"json" help:"As JSON."`
}

func (c *retentionReportCmd) Run(a *app) error {
	return withStore(a, c.databaseFlags, func(s *postgres.Store) error {
		rep, err := s.RetentionReport(a.ctx, postgres.Scope{})
		if err != nil {
			return err
		}
		outlook, err := s.DisposalOutlook(a.ctx, postgres.Scope{})
		if err != nil {
			return err
		}
		if c.JSON {
			return json.NewEncoder(a.stdout).Encode(struct {
				postgres.RetentionReport
				Disposal postgres.DisposalOutlook
			}{rep, outlook})
		}
		if err := writeRetention(a.stdout, rep); err != nil {
			return err
		}
		return writeOutlook(a.stdout, rep, outlook)
	})
}

// writeOutlook says what is due for disposal, what stands against the rest, and what is destroyed.
func writeOutlook(out io.Writer, rep postgres.RetentionReport, o postgres.DisposalOutlook) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "\nDISPOSAL\tRECORDINGS\npast their date\t%d\ncould be proposed\t%d\n", o.Due, o.Ready)
	for _, code := range custody.ObjectionCodes {
		if o.Against[code] > 0 {
			fmt.Fprintf(w, "stay because: %s\t%d\n", code, o.Against[code])
		}
	}
	fmt.Fprintf(w, "in a batch under way\t%d\ndestroyed\t%d\n", rep.Proposed, rep.Destroyed)
	return w.Flush()
}

func writeRetention(out io.Writer, rep postgres.RetentionReport) error {
	writeUnprotected(out, rep.Buckets)
	writeCopyAlarm(out, rep.Copies)
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "recordings kept\t%d\t%s\n", rep.Kept, humanize.IBytes(uint64(rep.Bytes)))
	for _, l := range []struct {
		what string
		n    int64
	}{
		{"not locked in the store until their date", rep.Unlocked}, {"without a SHA-256 yet", rep.Unhashed},
		{"without a second copy", rep.Uncopied}, {"second copy not locked until their date", rep.CopyLoose},
		{"never read against it", rep.Unchecked}, {"with a problem", rep.Troubled}, {"under a legal hold", rep.Held},
		{"past their date and not held", rep.Expired},
	} {
		fmt.Fprintf(w, "  %s\t%d\n", l.what, l.n)
	}
	if !rep.Next.IsZero() {
		fmt.Fprintf(w, "next date\t%s\n", rep.Next.UTC().Format(time.DateOnly))
	}
	fmt.Fprintln(w, "\nKEPT UNTIL\tRECORDINGS\tSIZE")
	for _, y := range rep.Years {
		fmt.Fprintf(w, "%d\t%d\t%s\n", y.Year, y.Recordings, humanize.IBytes(uint64(y.Bytes)))
	}
	fmt.Fprintln(w, "\nPRINCIPAL\tYEARS")
	for _, t := range rep.Terms {
		fmt.Fprintf(w, "%s\t%d\n", or(t.Principal, "(all others)"), t.Years)
	}
	fmt.Fprintln(w, "\nBUCKET\tVERSIONS\tOBJECT LOCK")
	for _, b := range rep.Buckets {
		fmt.Fprintf(w, "%s\t%s\t%s\n", b.Name, yesNo(b.Versions), yesNo(b.Locks))
	}
	if len(rep.Problems) > 0 {
		fmt.Fprintln(w, "\nRECORDING\tOBJECT\tPROBLEM")
		for _, p := range rep.Problems {
			fmt.Fprintf(w, "%s\t%s\t%s\n", p.Recording, p.Key, p.Problem)
		}
	}
	return w.Flush()
}

// writeUnprotected warns of buckets in which recordings are not safe.
func writeUnprotected(w io.Writer, buckets []custody.Bucket) {
	for _, b := range buckets {
		if !b.Locks {
			fmt.Fprintf(w, "WARNING: the bucket %s has no object lock: recordings in it can be deleted or overwritten before their date (docs/custody.md)\n", b.Name)
		}
	}
	if len(buckets) == 0 {
		fmt.Fprintln(w, "WARNING: no worker or ingest has looked yet whether the buckets have object lock")
	}
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "NO"
}

type retentionTermCmd struct {
	databaseFlags
	givenBy
	Principal string `arg:"" optional:"" help:"The principal, as recordings name it."`
	Years     int    `help:"Years from the contact on; without a principal it is the term of all that have none of their own."`
}

func (c *retentionTermCmd) Run(a *app) error {
	return withStore(a, c.databaseFlags, func(s *postgres.Store) error {
		if c.Years != 0 {
			n, err := s.SetTerm(a.ctx, c.actor(), custody.Term{Principal: c.Principal, Years: c.Years})
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.stdout, "%s: %d years; %d recordings are kept for longer now\n", or(c.Principal, "(all others)"), c.Years, n)
			return err
		}
		terms, err := s.Terms(a.ctx)
		if err != nil {
			return err
		}
		for _, t := range terms {
			fmt.Fprintf(a.stdout, "%s: %d years\n", or(t.Principal, "(all others)"), t.Years)
		}
		return nil
	})
}

type retentionExtendCmd struct {
	databaseFlags
	givenBy
	Until     time.Time `required:"" format:"2006-01-02" placeholder:"DAY" help:"Last day it is kept, e.g. 2035-12-31 (UTC)."`
	Reason    string    `required:"" placeholder:"TEXT" help:"Why."`
	Recording string    `arg:"" help:"Id of the recording."`
}

func (c *retentionExtendCmd) Run(a *app) error {
	return withStore(a, c.databaseFlags, func(s *postgres.Store) error {
		err := s.ExtendRetention(a.ctx, c.actor(), c.Recording, c.Until.AddDate(0, 0, 1), c.Reason)
		if errors.Is(err, postgres.ErrNotFound) {
			return fmt.Errorf("there is no recording %s", c.Recording)
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(a.stdout, "%s is kept to the end of %s\n", c.Recording, c.Until.Format(time.DateOnly))
		return err
	})
}

type retentionHoldCmd struct {
	Add     holdAddCmd     `cmd:"" help:"Put a hold in force, for recordings that are there and for those to come."`
	List    holdListCmd    `cmd:"" help:"Show all holds."`
	Release holdReleaseCmd `cmd:"" help:"End a hold."`
}

type holdAddCmd struct {
	databaseFlags
	givenBy
	Recording string    `placeholder:"ID" help:"Of this recording."`
	Case      string    `placeholder:"NUMBER" help:"Of this case."`
	Agent     string    `placeholder:"ID" help:"Of this agent."`
	From      time.Time `format:"2006-01-02" placeholder:"DAY" help:"Of contacts from this day on."`
	To        time.Time `format:"2006-01-02" placeholder:"DAY" help:"Of contacts before this day."`
	Zone      string    `name:"time-zone" config:"SPEECHQA_TIME_ZONE" default:"Asia/Shanghai" placeholder:"ZONE" help:"Zone in which a day begins."`
	Reason    string    `required:"" placeholder:"TEXT" help:"Why."`
	Owner     string    `required:"" placeholder:"NAME" help:"Who answers for the hold and says when it ends."`
}

func (c *holdAddCmd) Run(a *app) error {
	zone, err := time.LoadLocation(c.Zone)
	if err != nil {
		return fmt.Errorf("%q is no time zone this machine knows", c.Zone)
	}
	h := custody.Hold{Recording: c.Recording, CaseID: c.Case, AgentID: c.Agent, Reason: c.Reason, Owner: c.Owner,
		From: startOfDay(c.From, zone), To: startOfDay(c.To, zone)}
	return withStore(a, c.databaseFlags, func(s *postgres.Store) error {
		id, n, err := s.PlaceHold(a.ctx, c.actor(), h)
		if errors.Is(err, postgres.ErrNotFound) {
			return fmt.Errorf("there is no recording %s", c.Recording)
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(a.stdout, "hold %s keeps %d recordings now\n", id, n)
		return err
	})
}

// startOfDay is a calendar day's beginning in a zone; zero stays zero.
func startOfDay(t time.Time, zone *time.Location) time.Time {
	if t.IsZero() {
		return t
	}
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, zone)
}

type holdListCmd struct {
	databaseFlags
}

func (c *holdListCmd) Run(a *app) error {
	return withStore(a, c.databaseFlags, func(s *postgres.Store) error {
		holds, err := s.Holds(a.ctx, postgres.Scope{})
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(a.stdout, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "HOLD\tOF\tRECORDINGS\tREASON\tOWNER\tSINCE\tRELEASED")
		for _, h := range holds {
			released := ""
			if !h.ReleasedAt.IsZero() {
				released = h.ReleasedAt.Format(time.DateOnly) + " " + h.ReleasedBy + ": " + h.ReleaseReason
			}
			fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\t%s\n", h.ID, holdScope(h), h.Matches, h.Reason, h.Owner, h.At.Format(time.DateOnly), released)
		}
		return w.Flush()
	})
}

func holdScope(h custody.Hold) string {
	var parts []string
	for _, p := range []struct{ name, value string }{{"recording", h.Recording}, {"case", h.CaseID}, {"agent", h.AgentID}, {"from", dayOf(h.From)}, {"before", dayOf(h.To)}} {
		if p.value != "" {
			parts = append(parts, p.name+" "+p.value)
		}
	}
	return strings.Join(parts, ", ")
}

func dayOf(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339)
}

type holdReleaseCmd struct {
	databaseFlags
	givenBy
	Reason string `required:"" placeholder:"TEXT" help:"Why it ends."`
	Hold   string `arg:"" help:"Id of the hold, as 'retention hold list' shows it."`
}

func (c *holdReleaseCmd) Run(a *app) error {
	return withStore(a, c.databaseFlags, func(s *postgres.Store) error {
		err := s.ReleaseHold(a.ctx, c.actor(), c.Hold, c.Reason)
		if errors.Is(err, postgres.ErrNotFound) {
			return fmt.Errorf("there is no hold %s in force", c.Hold)
		}
		return err
	})
}
