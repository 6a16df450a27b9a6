package web

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"

	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/pipeline/audio"
	"github.com/speechqa/speechqa/storage/postgres"
)

// userError is a mistake with a status and a sentence of the catalogue for whoever made it.
type userError struct {
	status int
	key    string // message key below "error."
}

func (e *userError) Error() string { return e.key }

// Mistakes that handlers return.
var (
	errNotFound      = &userError{http.StatusNotFound, "not_found"}
	errAccountFirst  = &userError{http.StatusForbidden, "account_first"}
	errForbidden     = &userError{http.StatusForbidden, "forbidden"}
	errCrossOrigin   = &userError{http.StatusForbidden, "cross_origin"}
	errBadRequest    = &userError{http.StatusBadRequest, "bad_request"}
	errNoAddress     = &userError{http.StatusForbidden, "audio_expired"}
	errAudioGone     = &userError{http.StatusGone, "audio_gone"}
	errUnreadable    = &userError{http.StatusUnprocessableEntity, "audio_unreadable"}
	errReasonNeeded  = &userError{http.StatusBadRequest, "reason_needed"}
	errTooMuch       = &userError{http.StatusRequestEntityTooLarge, "too_much"}
	errBadSpan       = &userError{http.StatusBadRequest, "bad_span"}
	errAppealReason  = &userError{http.StatusBadRequest, "appeal_reason"}
	errAppealLate    = &userError{http.StatusConflict, "appeal_late"}
	errAppealSecond  = &userError{http.StatusForbidden, "appeal_second"}
	errUnderAppeal   = &userError{http.StatusConflict, "under_appeal"}
	errHookAddress   = &userError{http.StatusBadRequest, "hook_address"}
	errHookKey       = &userError{http.StatusServiceUnavailable, "hook_key"}
	errTokens        = &userError{http.StatusConflict, "tokens"}
	errTokenRefused  = &userError{http.StatusUnauthorized, "token_refused"}
	errReadOnly      = &userError{http.StatusForbidden, "read_only"}
	errLoginFirst    = &userError{http.StatusUnauthorized, "login_first"}
	errClipSpan      = &userError{http.StatusBadRequest, "clip_span"}
	errNothingChosen = &userError{http.StatusBadRequest, "nothing_chosen"}
	errConflict      = &userError{http.StatusConflict, "conflict"}
	errNoQueue       = &userError{http.StatusServiceUnavailable, "no_queue"}
	errInternal      = &userError{http.StatusInternalServerError, "internal"}
	errNothingToUndo = &userError{http.StatusBadRequest, "nothing_to_undo"}
)

type errorPage struct {
	Status    int
	Key       string
	Reference string
}

// fail answers with an error page: a sentence for the person, a reference that finds the chain in the log.
func (c *Console) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return // nobody is there any more
	}
	known := errInternal
	var ue *userError
	switch {
	case errors.As(err, &ue):
		known = ue
	case errors.As(err, new(*problemError)):
		known = errBadRequest
	case errors.Is(err, postgres.ErrNotFound):
		known = errNotFound
	case errors.Is(err, postgres.ErrNothingToUndo):
		known = errNothingToUndo
	case errors.Is(err, postgres.ErrConflict):
		known = errConflict
	case errors.Is(err, postgres.ErrUnderAppeal):
		known = errUnderAppeal
	case errors.Is(err, postgres.ErrBadCursor):
		known = errBadRequest
	case errors.As(err, new(*audio.Error)):
		known = errUnreadable
	case errors.Is(err, pipeline.ErrGone):
		known = errAudioGone
	}
	ref := strings.ToLower(rand.Text()[:10])
	level := c.log.InfoContext
	if known.status >= 500 {
		level = c.log.ErrorContext
	}
	level(r.Context(), "request failed", "ref", ref, "status", known.status,
		"method", r.Method, "path", r.URL.Path, "user", visitorOf(r).user.Name, "err", err)
	w.Header().Del("Content-Length")
	w.Header().Del("Content-Range")
	if isAPI(r) {
		status, code, message := c.apiFailure(r, known, err)
		apiFail(w, status, code, message, ref)
		return
	}
	if rerr := c.render(w, r, known.status, "error", errorPage{known.status, "error." + known.key, ref}); rerr != nil {
		c.log.ErrorContext(r.Context(), "error page failed", "ref", ref, "err", rerr)
		http.Error(w, "error "+ref, http.StatusInternalServerError)
	}
}
