package objects_test

import (
	"encoding/pem"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/speechqa/speechqa/storage/objects"
	"github.com/speechqa/speechqa/storage/storagetest"
)

// A store over TLS is believed only with a certificate of the system's authorities or of the configured file's.
func TestStoreOverTLS(t *testing.T) {
	plain := storagetest.S3(t)
	storagetest.Objects(t, plain, "secured")
	u, err := url.Parse(plain.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewTLSServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(u); r.Out.Host = r.In.Host }})
	t.Cleanup(proxy.Close)
	cfg := plain
	cfg.Endpoint = proxy.URL
	put := func(cfg objects.Config) error {
		s, err := objects.Open(cfg)
		if err != nil {
			return err
		}
		_, err = s.Put(t.Context(), "secured", "a.txt", strings.NewReader("text"), 4, objects.PutOptions{ContentType: "text/plain"})
		return err
	}
	if err := put(cfg); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate of nobody's: %v", err)
	}
	cfg.CA = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(cfg.CA, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: proxy.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := put(cfg); err != nil {
		t.Errorf("a certificate of the configured authority: %v", err)
	}
}
