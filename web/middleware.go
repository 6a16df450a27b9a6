package web

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"

	"github.com/speechqa/speechqa/storage/postgres"
)

type nonceKey struct{}

// nonceOf is the request's style nonce, for the one library that writes a <style> element into the page.
func nonceOf(r *http.Request) string {
	n, _ := r.Context().Value(nonceKey{}).(string)
	return n
}

// withHeaders sets the security headers. Scripts come from this host only, styles from this host or with the
// request's nonce; nothing inline.
func (c *Console) withHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var b [16]byte
		rand.Read(b[:]) // never fails
		nonce := base64.RawStdEncoding.EncodeToString(b[:])
		h := w.Header()
		h.Set("Content-Security-Policy", strings.Join([]string{
			"default-src 'none'", "script-src 'self'", "style-src 'self' 'nonce-" + nonce + "'",
			"img-src 'self' data:", "media-src 'self'", "connect-src 'self'", "form-action 'self'",
			"base-uri 'none'", "frame-ancestors 'none'",
		}, "; "))
		if c.sessions.Cookie.Secure {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
		if !strings.HasPrefix(r.URL.Path, "/assets/") {
			h.Set("Cache-Control", "no-store") // pages show what people said
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), nonceKey{}, nonce)))
	})
}

// withRecovery turns a panic into an error page; the log gets the stack.
func (c *Console) withRecovery(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if p == http.ErrAbortHandler {
				panic(p) // net/http's own way to drop a connection
			}
			c.fail(w, r, fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
		}()
		next.ServeHTTP(w, r)
	})
}

// withVisitor finds who asks and in what language: the session's switch, the user's own, Chinese. Whoever was blocked, or whose
// log-in was ended, is logged out by his next request.
func (c *Console) withVisitor(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		v := visitor{lang: Chinese}
		if key := bearer(r); key != "" {
			v, err := c.tokenVisitor(r, key)
			r = r.WithContext(context.WithValue(ctx, visitorKey{}, v))
			if err != nil {
				c.fail(w, r, err)
				return
			}
			next.ServeHTTP(w, r)
			return
		}
		if id := c.sessions.GetString(ctx, sessLogin); id != "" {
			u, err := c.store.UserOfLogin(ctx, id, c.access.Logins)
			switch {
			case errors.Is(err, postgres.ErrNotFound):
				if err := c.sessions.Destroy(ctx); err != nil {
					c.fail(w, r, fmt.Errorf("end session: %w", err))
					return
				}
			case err != nil:
				c.fail(w, r, fmt.Errorf("load user: %w", err))
				return
			default:
				v.user, v.scope, v.login = u, ScopeOf(u), id
				v.must = c.mustDo(u, c.sessions.GetBool(ctx, sessDirectory))
				if u.Lang != "" {
					v.lang = Lang(u.Lang)
				}
			}
		}
		if l := Lang(c.sessions.GetString(ctx, sessLang)); l != "" {
			v.lang = l
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(ctx, visitorKey{}, v)))
	})
}
