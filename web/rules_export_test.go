package web

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// exported are the files of a version as the console gives them.
func (m *matrix) exported(cookie *http.Cookie, version int64) map[string][]byte {
	m.t.Helper()
	req, err := http.NewRequestWithContext(m.t.Context(), http.MethodGet, fmt.Sprintf("%s/rules/versions/%d/files", m.address, version), nil)
	if err != nil {
		m.t.Fatal(err)
	}
	req.AddCookie(cookie)
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		m.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		m.t.Fatalf("export: %d %v", res.StatusCode, err)
	}
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		m.t.Fatal(err)
	}
	out := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			m.t.Fatal(err)
		}
		if out[f.Name], err = io.ReadAll(r); err != nil {
			m.t.Fatal(err)
		}
	}
	return out
}

// Rules are checked so many at a time; who has gone meanwhile does not wait.
func TestCheckTurn(t *testing.T) {
	c := &Console{checks: make(chan struct{}, 1)}
	ctx, gone := context.WithCancel(t.Context())
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", nil)
	done, err := c.checkTurn(r)
	if err != nil {
		t.Fatal(err)
	}
	gone()
	if _, err := c.checkFiles(r, smallRules(), ""); !errors.Is(err, context.Canceled) {
		t.Errorf("a second one was checked at the same time: %v", err)
	}
	done()
	if res, err := c.checkFiles(httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil), smallRules(), ""); err != nil || !res.OK() {
		t.Errorf("in turn: %+v %v", res, err)
	}
}
