package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"mime"
	"net/http"
	"path"
	"regexp"
	"strings"
)

// QueueToolPath is where the queue's own tool (asynqmon) is shown; it must be built for this root.
const QueueToolPath = "/operations/queues"

var (
	needlessLink = regexp.MustCompile(`<link[^>]*(?:href="https?://|rel="manifest")[^>]*>`)
	inlineScript = regexp.MustCompile(`(?s)<script>(.*?)</script>`)
)

// queueToolPage shows the queue's own tool, which only looks. It is a program of others that the console's policy would
// break: it writes <style> elements while it runs, and its page has two scripts inline and fonts of another host. So it
// gets a policy of its own, for its path only: these two scripts by their hash, inline styles, nothing from elsewhere;
// the fonts are left out of the page, and the browser's own are taken; so is the manifest, which browsers ask for without
// the session.
func (c *Console) queueToolPage(w http.ResponseWriter, r *http.Request) error {
	if c.queueTool == nil {
		return errNotFound
	}
	var page held
	c.queueTool.ServeHTTP(&page, r)
	body, scripts := page.Bytes(), []string{"'self'"}
	kind := mime.TypeByExtension(path.Ext(r.URL.Path))
	if kind == "" {
		kind = page.Header().Get("Content-Type")
	}
	if kind == "" || strings.HasPrefix(kind, "text/html") {
		kind = "text/html; charset=utf-8"
		body = needlessLink.ReplaceAll(body, nil)
		for _, m := range inlineScript.FindAllSubmatch(body, -1) {
			sum := sha256.Sum256(m[1])
			scripts = append(scripts, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
		}
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Security-Policy", strings.Join([]string{
		"default-src 'none'", "script-src " + strings.Join(scripts, " "), "style-src 'self' 'unsafe-inline'", "img-src 'self' data:",
		"font-src 'self'", "connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
	}, "; "))
	w.WriteHeader(page.status())
	_, err := w.Write(body)
	return err
}

// held keeps an answer in memory.
type held struct {
	bytes.Buffer
	header http.Header
	code   int
}

// Header is part of http.ResponseWriter.
func (h *held) Header() http.Header {
	if h.header == nil {
		h.header = http.Header{}
	}
	return h.header
}

// WriteHeader is part of http.ResponseWriter.
func (h *held) WriteHeader(code int) {
	if h.code == 0 {
		h.code = code
	}
}

func (h *held) status() int {
	if h.code == 0 {
		return http.StatusOK
	}
	return h.code
}
