package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed assets/dist
var distFiles embed.FS

// ErrNoAssets says that the binary was built without the console's bundle.
var ErrNoAssets = errors.New("the console's scripts and styles are not in this binary: run `make assets`, then build again")

// assets serves the bundle under addresses that name its content, so that browsers may keep it for ever.
type assets struct {
	files map[string][]byte // name → content
	urls  map[string]string // name → address with the content's hash
}

// needed are the files without which no page works.
var needed = []string{"app.js", "recording.js", "app.css"}

func loadAssets(dist fs.FS) (*assets, error) {
	a := &assets{files: map[string][]byte{}, urls: map[string]string{}}
	for _, name := range needed {
		if _, err := fs.Stat(dist, path.Join("assets/dist", name)); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w (missing %s)", ErrNoAssets, name)
		}
	}
	files, err := fs.Glob(dist, "assets/dist/*.*s") // .js, .css
	if err != nil {
		return nil, fmt.Errorf("assets: %w", err)
	}
	for _, file := range files {
		b, err := fs.ReadFile(dist, file)
		if err != nil {
			return nil, fmt.Errorf("assets: %w", err)
		}
		name := path.Base(file)
		sum := sha256.Sum256(b)
		a.files[name] = b
		a.urls[name] = "/assets/" + hex.EncodeToString(sum[:6]) + "/" + name
	}
	return a, nil
}

// url is an asset's address; an unknown name is a mistake in a template and fails its test.
func (a *assets) url(name string) (string, error) {
	u, ok := a.urls[name]
	if !ok {
		return "", fmt.Errorf("no asset %q", name)
	}
	return u, nil
}

func (a *assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := path.Base(r.URL.Path)
	b, ok := a.files[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	if r.URL.Path == a.urls[name] {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	if strings.HasSuffix(name, ".js") {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	}
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(b))
}
