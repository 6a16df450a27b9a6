package web

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"time"
	_ "time/tzdata" // the console's clock must not depend on the machine's zone files

	"github.com/alexedwards/scs/v2"

	"github.com/speechqa/speechqa/evidence"
	"github.com/speechqa/speechqa/storage/postgres"
)

// Config is what the console is made of.
type Config struct {
	Store    Store
	Sessions scs.CtxStore // server-side sessions
	Audio    AudioSource
	Rules    Rules
	Log      *slog.Logger
	// Location is the zone of every date on the pages; nil means Asia/Shanghai.
	Location *time.Location
	// SecureCookies is set where browsers come by https only.
	SecureCookies bool
	// Anchors are the heads of the audit log kept outside the database; nil where there are none.
	Anchors Anchors
	// Access says how people get in; its zero value is DefaultAccess.
	Access Access
	// Directory lets people log in by the company's directory; nil where there is none.
	Directory *Directory
	// Sealer encrypts the keys of second factors; without it nobody can set one up.
	Sealer *Sealer
	// AppealDays is how many days after its confirmation a finding may be appealed against; 0 means 7.
	AppealDays int
	// HookAllow are networks beside the public internet that hooks may reach.
	HookAllow []netip.Prefix
	// Health is asked by GET /healthz; nil means always well.
	Health func(context.Context) error
	// Evidence makes evidence packs; nil, or one without a key, makes none.
	Evidence *evidence.Exporter
	// Queues steers the queues; nil where this process was not told where they are.
	Queues Queues
	// QueueTool is shown below QueueToolPath to those who operate the system; nil for none.
	QueueTool http.Handler
}

// Console is the web application.
type Console struct {
	evidence  *evidence.Exporter
	store     Store
	audio     AudioSource
	rules     Rules
	log       *slog.Logger
	sessions  *scs.SessionManager
	access    Access
	sealer    *Sealer    // may be nil
	directory *Directory // may be nil
	anchors   Anchors
	assets    *assets
	messages  catalogue

	ruleErrors ruleErrors // in Chinese
	pages      map[Lang]pageSet
	loc        *time.Location
	health     func(context.Context) error
	renders    chan struct{} // holds as many as there are clips being made
	checks     chan struct{} // and rulesets being checked
	nobody     string        // hash of a password nobody knows
	handler    http.Handler

	appealDays int            // see Config
	hookAllow  []netip.Prefix // see Config

	queues    Queues       // may be nil
	queueTool http.Handler // may be nil
}

// New builds the console. Everything that can be wrong with the binary itself, such as a missing bundle
// (ErrNoAssets) or a broken template, is an error here and never a broken page later.
func New(cfg Config) (*Console, error) {
	if cfg.Store == nil || cfg.Sessions == nil || cfg.Audio == nil || cfg.Rules == nil || cfg.Log == nil {
		return nil, errors.New("web: Store, Sessions, Audio, Rules and Log are all needed")
	}
	loc := cfg.Location
	if loc == nil {
		var err error
		if loc, err = time.LoadLocation("Asia/Shanghai"); err != nil {
			return nil, fmt.Errorf("web: %w", err)
		}
	}
	bundle, err := loadAssets(distFiles)
	if err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	wrong, err := loadRuleErrors(ruleErrorFile)
	if err != nil {
		return nil, err
	}
	messages, err := loadMessages(messageFiles)
	if err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	access := cfg.Access.withDefaults()
	c := &Console{
		evidence: cfg.Evidence,
		store:    cfg.Store, audio: cfg.Audio, rules: cfg.Rules, log: cfg.Log,
		sessions: newSessions(cfg.Sessions, access.Logins, cfg.SecureCookies),
		access:   access, sealer: cfg.Sealer, directory: cfg.Directory, anchors: cfg.Anchors,
		assets: bundle, messages: messages, ruleErrors: wrong, loc: loc, health: cfg.Health, queues: cfg.Queues, queueTool: cfg.QueueTool,
		renders: make(chan struct{}, rendersAtOne), checks: make(chan struct{}, checksAtOnce),
	}
	c.hookAllow = cfg.HookAllow
	c.appealDays = cmp.Or(cfg.AppealDays, appealDays)
	if c.nobody, err = hashPassword(rand.Text()); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	if c.pages, err = loadPages(c); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	if c.handler, err = c.routes(); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	return c, nil
}

// ServeHTTP serves the console from the root of its host.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.handler.ServeHTTP(w, r) }

// HashPassword makes the argon2id hash that User.PasswordHash holds.
func HashPassword(password string) (string, error) { return hashPassword(password) }

var _ http.Handler = (*Console)(nil)

// visitor is who asks, in what language; user is zero where nobody is logged in.
type visitor struct {
	user  postgres.User
	scope postgres.Scope
	login string // id of the log-in
	must  string // what he must do before anything else; "" is nothing
	lang  Lang
}

type visitorKey struct{}

func visitorOf(r *http.Request) visitor {
	v, _ := r.Context().Value(visitorKey{}).(visitor)
	return v
}
