package web

import (
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"
)

// Session keys.
const (
	sessUser  = "user"  // id of the user
	sessLang  = "lang"  // language chosen by the switch
	sessAudio = "audio" // 32 random bytes that sign this session's audio addresses
	sessFlash = "flash" // message key to show once
)

// A session ends after a shift, or after two hours without a request.
const (
	sessionLifetime = 12 * time.Hour
	sessionIdle     = 2 * time.Hour
)

func newSessions(store scs.CtxStore, secure bool) *scs.SessionManager {
	s := scs.New()
	s.Store = store
	s.Lifetime = sessionLifetime
	s.IdleTimeout = sessionIdle
	s.HashTokenInStore = true // a reader of the table cannot log in with what it holds
	s.Cookie.Name = "speechqa_session"
	s.Cookie.HttpOnly = true
	s.Cookie.SameSite = http.SameSiteLaxMode
	s.Cookie.Secure = secure
	return s
}
