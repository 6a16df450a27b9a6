package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"golang.org/x/term"

	"github.com/speechqa/speechqa/custody"
	"github.com/speechqa/speechqa/storage/objects"
	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/web"
)

// disposeCmd destroys what is past its date, as two people want it.
type disposeCmd struct {
	Propose  disposeProposeCmd  `cmd:"" help:"Propose to destroy recordings that are past their date (a lead)."`
	Approve  disposeApproveCmd  `cmd:"" help:"Approve what another person has proposed (a manager, with password and second factor)."`
	Refuse   disposeRefuseCmd   `cmd:"" help:"Refuse a proposal: everything stays."`
	Withdraw disposeWithdrawCmd `cmd:"" help:"Take a proposal back, or stop what is approved and not begun."`
	Run      disposeRunCmd      `cmd:"" help:"Destroy what is approved, now, if the off-peak window is open; workers do it by themselves."`
	List     disposeListCmd     `cmd:"" help:"Show all batches."`
	Show     disposeShowCmd     `cmd:"" help:"Show a batch, what stands against its recordings, or its signed record."`
}

// errandFlags say in whose name something is done; the person shows himself with his password and code on standard
// input, or where a terminal asks.
type errandFlags struct {
	databaseFlags
	SecondFactor string `config:"SPEECHQA_SECOND_FACTOR" default:"auto" group:"Access" placeholder:"auto|on|off" help:"Approving needs a second factor (TOTP): on, off, or auto, which is on."`
	FactorKey    string `config:"SPEECHQA_FACTOR_KEY" secret:"" group:"Access" placeholder:"KEY" help:"The key by which second factors are encrypted."`
	As           string `required:"" placeholder:"NAME" help:"Log-in name of the person who does this. The password is asked for, or read from the first line of standard input, and where needed the second factor's code from the second."`
}

func (f errandFlags) do(a *app, errand web.Errand, act func(s *postgres.Store, by custody.Person, sc postgres.Scope) error) error {
	var p problems
	sealer := accessFlags{FactorKey: f.FactorKey}.sealer(&p)
	factor := p.choice("SPEECHQA_SECOND_FACTOR", f.SecondFactor, "auto", "on", "off")
	if err := p.err(); err != nil {
		return err
	}
	return withStore(a, f.databaseFlags, func(s *postgres.Store) error {
		password, code, err := readProof(a)
		if err != nil {
			return err
		}
		by, sc, err := web.ErrandOf(a.ctx, s, sealer, web.Access{SecondFactor: factor != "off"}, errand, givenBy{}.actor().Origin, f.As, password, code)
		if err != nil {
			return err
		}
		return act(s, by, sc)
	})
}

// readProof reads password and code without showing them, or from a pipe, one line each.
func readProof(a *app) (password, code string, err error) {
	f, ok := a.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		in := bufio.NewReader(io.LimitReader(a.stdin, 4096))
		for _, into := range []*string{&password, &code} {
			line, err := in.ReadString('\n')
			if err != nil && !errors.Is(err, io.EOF) {
				return "", "", fmt.Errorf("read the password: %w", err)
			}
			*into = strings.TrimRight(line, "\r\n")
		}
		return password, code, nil
	}
	for _, ask := range []struct {
		what string
		into *string
	}{{"password", &password}, {"code of the second factor (empty for none)", &code}} {
		fmt.Fprint(a.stderr, ask.what+": ")
		b, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(a.stderr)
		if err != nil {
			return "", "", fmt.Errorf("read the %s: %w", ask.what, err)
		}
		*ask.into = string(b)
	}
	return password, code, nil
}

// explainDisposal says in a sentence what is wrong with an act on a batch.
func explainDisposal(id string, err error) error {
	if errors.Is(err, postgres.ErrNotFound) {
		return fmt.Errorf("there is no batch %s, or not all of it is yours to see", id)
	}
	return err
}

type disposeProposeCmd struct {
	errandFlags
	Why       string    `required:"" placeholder:"TEXT" help:"Why."`
	Days      int       `default:"30" placeholder:"N" help:"Days for which the proposal holds: after that it is not approved, and nothing more of it is begun."`
	Before    time.Time `format:"2006-01-02" placeholder:"DAY" help:"Only contacts before this day."`
	Principal string    `placeholder:"NAME" help:"Only of this principal."`
	Limit     int       `default:"1000" placeholder:"N" help:"At most so many recordings, the longest past their date."`
	Zone      string    `name:"time-zone" config:"SPEECHQA_TIME_ZONE" default:"Asia/Shanghai" placeholder:"ZONE" help:"Zone in which a day begins."`
}

func (c *disposeProposeCmd) Run(a *app) error {
	zone, err := time.LoadLocation(c.Zone)
	if err != nil {
		return fmt.Errorf("%q is no time zone this machine knows", c.Zone)
	}
	return c.do(a, web.ErrandPropose, func(s *postgres.Store, by custody.Person, sc postgres.Scope) error {
		id, err := s.ProposeDisposal(a.ctx, by, sc, custody.Proposal{Why: c.Why, HoldsUntil: time.Now().AddDate(0, 0, c.Days), Before: startOfDay(c.Before, zone),
			Principal: c.Principal, Limit: c.Limit})
		if errors.Is(err, custody.ErrNothingDue) {
			return fmt.Errorf("%w; `speechqa retention report` says what stands against it", err)
		}
		if err != nil {
			return err
		}
		d, err := s.Disposal(a.ctx, sc, id)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(a.stdout, "%s: %d recordings proposed, %d stay; a manager decides until %s\n", id, d.Waiting(), d.Staying(), d.HoldsUntil.Format(time.RFC3339))
		return err
	})
}

type disposeApproveCmd struct {
	errandFlags
	Note  string `placeholder:"TEXT" help:"A note, for the record."`
	Batch string `arg:"" help:"Id of the batch."`
}

func (c *disposeApproveCmd) Run(a *app) error {
	return c.do(a, web.ErrandApprove, func(s *postgres.Store, by custody.Person, sc postgres.Scope) error {
		if err := s.ApproveDisposal(a.ctx, by, sc, c.Batch, c.Note); err != nil {
			return explainDisposal(c.Batch, err)
		}
		d, err := s.Disposal(a.ctx, sc, c.Batch)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(a.stdout, "%s: approved; %d recordings will be destroyed in the off-peak window, %d stay\n", c.Batch, d.Waiting(), d.Staying())
		return err
	})
}

type disposeRefuseCmd struct {
	errandFlags
	Reason string `required:"" placeholder:"TEXT" help:"Why."`
	Batch  string `arg:"" help:"Id of the batch."`
}

func (c *disposeRefuseCmd) Run(a *app) error {
	return c.do(a, web.ErrandApprove, func(s *postgres.Store, by custody.Person, sc postgres.Scope) error {
		return explainDisposal(c.Batch, s.RefuseDisposal(a.ctx, by, sc, c.Batch, c.Reason))
	})
}

type disposeWithdrawCmd struct {
	errandFlags
	Batch string `arg:"" help:"Id of the batch."`
}

func (c *disposeWithdrawCmd) Run(a *app) error {
	return c.do(a, web.ErrandStop, func(s *postgres.Store, by custody.Person, sc postgres.Scope) error {
		return explainDisposal(c.Batch, s.WithdrawDisposal(a.ctx, by, sc, c.Batch))
	})
}

type disposeRunCmd struct {
	databaseFlags
	objectFlags
	copyFlags
	signingFlags
	disposalFlags
	Batch string `arg:"" optional:"" help:"Id of the batch; default: all that are approved."`
}

func (c *disposeRunCmd) Run(a *app) error {
	var p problems
	first, key, d := c.objectFlags.read(&p), c.signingFlags.read(&p), c.disposalFlags.read(&p)
	copies := c.copyFlags.read(&p, first)
	if err := p.err(); err != nil {
		return err
	}
	store, err := openObjects(first)
	if err != nil {
		return err
	}
	var second *objects.Store
	if copies.on() {
		if second, err = openObjects(copies.objectSettings); err != nil {
			return err
		}
	}
	return withStore(a, c.databaseFlags, func(db *postgres.Store) error {
		disposer := d.disposer(db, store, second, key)
		disposer.Log = slog.New(slog.NewTextHandler(a.stderr, nil))
		destroyed := 0
		disposer.Watch = func(m custody.Moment, it custody.DisposalItem) {
			if m == custody.MomentErased {
				destroyed++
				fmt.Fprintf(a.stdout, "%s destroyed\n", it.Recording)
			}
		}
		err := disposer.Once(a.ctx, c.Batch)
		fmt.Fprintf(a.stdout, "%d recordings destroyed by this run; `speechqa retention dispose list` shows what is left\n", destroyed)
		return err
	})
}

type disposeListCmd struct {
	databaseFlags
}

func (c *disposeListCmd) Run(a *app) error {
	return withStore(a, c.databaseFlags, func(s *postgres.Store) error {
		list, err := s.Disposals(a.ctx, postgres.Scope{}, 1000)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(a.stdout, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "BATCH\tSTATE\tRECORDINGS\tDESTROYED\tSTAY\tPROPOSED\tDECIDED\tWHY")
		for _, d := range list {
			fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%s %s\t%s\t%s\n", d.ID, d.State, d.Recordings, d.Destroyed(), d.Staying(),
				d.ProposedAt.Format(time.DateOnly), d.ProposedBy, decidedText(d), d.Why)
		}
		return w.Flush()
	})
}

func decidedText(d custody.Disposal) string {
	if d.DecidedAt.IsZero() {
		return "until " + d.HoldsUntil.Format(time.DateOnly)
	}
	return d.DecidedAt.Format(time.DateOnly) + " " + d.DecidedBy
}

type disposeShowCmd struct {
	databaseFlags
	JSON   bool   `name:"json" help:"As JSON."`
	Record string `placeholder:"FILE" help:"Write the signed record of a batch that has ended, and FILE.minisig beside it."`
	Batch  string `arg:"" help:"Id of the batch."`
}

func (c *disposeShowCmd) Run(a *app) error {
	return withStore(a, c.databaseFlags, func(s *postgres.Store) error {
		if c.Record != "" {
			return c.write(a, s)
		}
		d, err := s.Disposal(a.ctx, postgres.Scope{}, c.Batch)
		if err != nil {
			return explainDisposal(c.Batch, err)
		}
		if c.JSON {
			return json.NewEncoder(a.stdout).Encode(d)
		}
		return c.print(a, s, d)
	})
}

func (c *disposeShowCmd) write(a *app, s *postgres.Store) error {
	record, signature, err := s.DisposalRecord(a.ctx, postgres.Scope{}, c.Batch)
	if errors.Is(err, postgres.ErrNotFound) {
		return fmt.Errorf("there is no batch %s that has ended", c.Batch)
	}
	if err != nil {
		return err
	}
	for path, text := range map[string]string{c.Record: record, c.Record + ".minisig": signature} {
		if _, err := writeNew(path, func(f *os.File) (int, error) { return f.WriteString(text) }); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(a.stdout, "%s and %s.minisig; `speechqa verify disposal %s` checks them\n", c.Record, c.Record, c.Record)
	return err
}

// print shows a batch and every recording that is not yet as it should be.
func (c *disposeShowCmd) print(a *app, s *postgres.Store, d custody.Disposal) error {
	w := tabwriter.NewWriter(a.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "batch\t%s, %s\nwhy\t%s\nproposed\t%s by %s, holds until %s\n", d.ID, d.State, d.Why, d.ProposedAt.Format(time.RFC3339), d.ProposedBy, d.HoldsUntil.Format(time.RFC3339))
	if !d.DecidedAt.IsZero() {
		fmt.Fprintf(w, "decided\t%s by %s: %s\n", d.DecidedAt.Format(time.RFC3339), d.DecidedBy, d.Note)
	}
	fmt.Fprintf(w, "recordings\t%d, %s\n", d.Recordings, humanize.IBytes(uint64(d.Bytes)))
	for _, state := range custody.ItemStates {
		fmt.Fprintf(w, "  %s\t%d\n", strings.ReplaceAll(string(state), "_", " "), d.Counts[state])
	}
	for _, code := range slices.Sorted(maps.Keys(d.Reasons)) {
		fmt.Fprintf(w, "    because: %s\t%d\n", code, d.Reasons[code])
	}
	fmt.Fprintln(w, "\nRECORDING\tSTATE\tKEPT UNTIL\tCOPY READ\tSTANDS AGAINST IT")
	for after := ""; ; {
		rows, err := s.DisposalRows(a.ctx, d.ID, "", after, 1000)
		if err != nil {
			return err
		}
		for _, r := range rows {
			after = r.Recording
			read := "not verified"
			if !r.CopyAt.IsZero() {
				read = r.CopyAt.Format(time.RFC3339)
			}
			if r.State == custody.ItemCopyGone || r.State == custody.ItemDone {
				read = "destroyed"
			}
			against := strings.TrimSpace(strings.Join(r.Reasons, ", ") + " " + r.Problem)
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.Recording, r.State, r.RetainUntil.Format(time.DateOnly), read, against)
		}
		if len(rows) < 1000 {
			return w.Flush()
		}
	}
}
