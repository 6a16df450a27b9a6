package web

import (
	"crypto/rand"
	"net/http"

	"github.com/alexedwards/scs/v2"

	"github.com/speechqa/speechqa/storage/postgres"
)

// Session keys.
const (
	sessLogin         = "login"          // id of the log-in
	sessDirectory     = "directory"      // true: by the company's directory
	sessHalf          = "half"           // id of the user whose password was right and whose second factor is still asked for
	sessHalfDirectory = "half-directory" // true: not the password, but the company's directory was right
	sessNext          = "next"           // where to go after the second factor
	sessTOTP          = "totp"           // secret of a second factor that is being set up
	sessOIDC          = "oidc"           // what the directory's answer must fit to
	sessUnmasked      = "unmasked"       // id of the recording whose numbers are shown, and until when
	sessLang          = "lang"           // language chosen by the switch
	sessAudio         = "audio"          // 32 random bytes that sign this session's audio addresses
	sessFlash         = "flash"          // message key to show once
)

func newSessions(store scs.CtxStore, limits postgres.LoginLimits, secure bool) *scs.SessionManager {
	s := scs.New()
	s.Store = store
	s.Lifetime = limits.Lifetime
	s.IdleTimeout = limits.Idle
	s.HashTokenInStore = true // a reader of the table cannot log in with what it holds
	s.Cookie.Name = "speechqa_session"
	s.Cookie.HttpOnly = true
	s.Cookie.SameSite = http.SameSiteLaxMode
	s.Cookie.Secure = secure
	if secure {
		s.Cookie.Name = "__Host-" + s.Cookie.Name // browsers take it from this host over https only
	}
	return s
}

func randomKey() []byte {
	key := make([]byte, 32)
	rand.Read(key) // never fails
	return key
}

// flash has a sentence of the catalogue shown on the next page. A program has none.
func (c *Console) flash(r *http.Request, key string) {
	if !isAPI(r) {
		c.sessions.Put(r.Context(), sessFlash, key)
	}
}
