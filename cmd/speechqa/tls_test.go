package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/speechqa/speechqa/storage/storagetest"
)

// writeCertificate makes a certificate for this machine, valid for an hour, and writes it and its key.
func writeCertificate(t *testing.T, certFile, keyFile string, serial int64) *x509.CertPool {
	t.Helper()
	noError := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	noError(err)
	cert := &x509.Certificate{SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	noError(err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	noError(err)
	public := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	noError(os.WriteFile(certFile, public, 0o600))
	noError(os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(public)
	return pool
}

// TestTLS: console and notifications speak TLS by themselves, cookies and everything else go by it only, and a renewed
// certificate is shown without a restart; one that cannot be read is not.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	pool := writeCertificate(t, certFile, keyFile, 1)
	s3 := storagetest.S3(t)
	storagetest.Objects(t, s3, "recordings")
	env := []string{"SPEECHQA_DATABASE_URL=" + storagetest.AppURL(t, storagetest.Database(t)), "SPEECHQA_S3_ENDPOINT=" + s3.Endpoint,
		"SPEECHQA_S3_ACCESS_KEY=" + s3.AccessKey, "SPEECHQA_S3_SECRET_KEY=" + s3.SecretKey, "SPEECHQA_METRICS_LISTEN=off", "SPEECHQA_LISTEN=127.0.0.1:0",
		"SPEECHQA_TLS_CERT=" + certFile, "SPEECHQA_TLS_KEY=" + keyFile}
	address := start(t, env, "serve").says(`console: (https://\S+)`)[1]
	client := func(pool *x509.CertPool, highest uint16) *http.Client {
		return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: pool, MaxVersion: highest}}}
	}
	res, err := client(pool, 0).Post(address+"/lang", "application/x-www-form-urlencoded", strings.NewReader("lang=en&back=/login"))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK || res.TLS.PeerCertificates[0].SerialNumber.Int64() != 1 || res.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("status %d, %v", res.StatusCode, res.Header)
	}
	if cookies := res.Request.Response.Cookies(); len(cookies) != 1 || !cookies[0].Secure || !strings.HasPrefix(cookies[0].Name, "__Host-") {
		t.Errorf("cookies %v", cookies)
	}
	if _, err := client(pool, tls.VersionTLS11).Get(address + "/login"); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
	if res, err := http.Get("http" + strings.TrimPrefix(address, "https") + "/login"); err == nil {
		if res.Body.Close(); res.StatusCode != http.StatusBadRequest {
			t.Errorf("HTTP without TLS: status %d", res.StatusCode)
		}
	}

	if err := os.WriteFile(certFile, []byte("half written"), 0o600); err != nil {
		t.Fatal(err)
	}
	time.Sleep(lookEvery)
	if res, err := client(pool, 0).Get(address + "/healthz"); err != nil {
		t.Errorf("while the certificate is being written: %v", err)
	} else {
		res.Body.Close()
	}
	fresh := writeCertificate(t, certFile, keyFile, 2)
	eventually(t, "the renewed certificate", func() bool {
		res, err := client(fresh, 0).Get(address + "/healthz")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.TLS.PeerCertificates[0].SerialNumber.Int64() == 2
	})

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	start(t, append(env, "SPEECHQA_WEBHOOK_LISTEN="+l.Addr().String(), "SPEECHQA_WEBHOOK_TOKEN=a token of sixteen"), "ingest")
	eventually(t, "notifications over TLS", func() bool {
		res, err := client(fresh, 0).Post("https://"+l.Addr().String()+"/notify", "application/json", strings.NewReader("{}"))
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusUnauthorized
	})
	for name, args := range map[string][]string{"SPEECHQA_TLS_KEY": {"--tls-cert", certFile}, "SPEECHQA_TLS_CERT": {"--tls-cert", "/none", "--tls-key", keyFile}} {
		if status, _, errs := speechqa(t, map[string]string{}, append([]string{"serve"}, args...)...); status == 0 || !strings.Contains(errs, name) {
			t.Errorf("%v: status %d, %q", args, status, errs)
		}
	}
}
