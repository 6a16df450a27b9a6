package web

import (
	"fmt"
	"net/http"
	"slices"
)

// route is one address of the console with what it demands and, where opening it is itself worth keeping, the
// action under which the audit log keeps it. What changes data is audited by the store, with the change.
type route struct {
	pattern string
	need    Permission
	handle  func(http.ResponseWriter, *http.Request) error
	audit   string
}

// table is every route. A route without a permission of the matrix does not start (see routes).
func (c *Console) table() []route {
	return slices.Concat(
		c.frameRoutes(),
		c.accountRoutes(),
		c.directoryRoutes(),
		c.userRoutes(),
		c.maskRoutes(),
		c.auditRoutes(),
		c.recordingRoutes(),
		c.figureRoutes(),
		c.clipRoutes(),
		c.operationsRoutes(),
		c.importRoutes(),
		c.rulesRoutes(),
		c.basisRoutes(),
		c.appealRoutes(),
		c.samplingRoutes(),
		c.custodyRoutes(),
		c.disposalRoutes(),
		c.evidenceRoutes(),
		c.noticeRoutes(),
		c.deskRoutes(),
		c.tokenRoutes(),
		c.apiRoutes(),
		c.hookRoutes(),
	)
}

// frameRoutes are what is around the pages: language, assets, health.
func (c *Console) frameRoutes() []route {
	return []route{
		{"GET /healthz", permPublic, c.healthz, ""},
		{"GET /assets/", permPublic, c.serveAsset, ""},
		{"POST /lang", permPublic, c.switchLang, ""},
	}
}

func (c *Console) recordingRoutes() []route {
	return []route{
		{"GET /{$}", permOwn, c.listPage, ""},
		{"GET /recordings/{id}", permOwn, c.recordingPage, "recording.view"},
		{"GET /recordings/{id}/waveform", permListen, c.waveform, ""},
		{"GET /recordings/{id}/audio-address", permListen, c.audioAddress, "recording.play"},
		{"GET /recordings/{id}/audio", permListen, c.serveAudio, ""},
		{"POST /recordings/{id}/findings/{key}", permReview, c.decide, ""},
	}
}

// routes turns the table into a handler. Everything outside the table is a 404 page.
func (c *Console) routes() (http.Handler, error) {
	mux := http.NewServeMux()
	for _, r := range c.table() {
		if _, known := grants[r.need]; !known && r.need != permPublic {
			return nil, fmt.Errorf("route %s demands the unknown permission %q", r.pattern, r.need)
		}
		mux.Handle(r.pattern, c.guard(r))
	}
	mux.Handle("/", c.guard(route{need: permPublic, handle: func(http.ResponseWriter, *http.Request) error {
		return errNotFound
	}}))

	csrf := http.NewCrossOriginProtection()
	csrf.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.fail(w, r, errCrossOrigin)
	}))
	return c.withHeaders(c.withRecovery(c.sessions.LoadAndSave(c.withVisitor(csrf.Handler(mux))))), nil
}

// guard lets a request through to its route when the visitor's role grants what the route demands and the recording it
// is about lies in his scope. Who must put his account in order first gets only there.
func (c *Console) guard(r route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if r.need != permPublic {
			v := visitorOf(req)
			if v.user.ID == "" {
				c.toLogin(w, req)
				return
			}
			if confined(v, r.pattern) {
				if err := c.toAccount(w, req); err != nil {
					c.fail(w, req, err)
				}
				return
			}
			var refusal error
			if !may(Role(v.user.Role), r.need) {
				refusal = errForbidden
			} else {
				refusal = c.inScope(req, r.pattern)
			}
			action := r.audit
			if refusal != nil {
				action = "access.denied"
			}
			// First the entry, then the act: what cannot be put on record does not happen.
			if err := c.record(req, action); err != nil {
				c.fail(w, req, err)
				return
			}
			if refusal != nil {
				c.fail(w, req, refusal)
				return
			}
		}
		if err := r.handle(w, req); err != nil {
			c.fail(w, req, err)
		}
	})
}

func (c *Console) serveAsset(w http.ResponseWriter, r *http.Request) error {
	c.assets.ServeHTTP(w, r)
	return nil
}

// healthz answers load balancers: 200 when the database answers.
func (c *Console) healthz(w http.ResponseWriter, r *http.Request) error {
	if c.health != nil {
		if err := c.health(r.Context()); err != nil {
			c.log.ErrorContext(r.Context(), "health check failed", "err", err)
			http.Error(w, "unavailable", http.StatusServiceUnavailable)
			return nil
		}
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, err := w.Write([]byte("ok\n"))
	return err
}
