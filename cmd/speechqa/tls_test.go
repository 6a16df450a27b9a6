package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/speechqa/speechqa/storage/embedded"
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

// TestDatabaseOverTLS: with sslmode=verify-full the database is believed only with a certificate of the authority named.
func TestDatabaseOverTLS(t *testing.T) {
	dir := t.TempDir()
	server, err := embedded.StartPostgres(t.Context(), embedded.Options{Dir: filepath.Join(dir, "pg"), Volatile: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	data := filepath.Join(dir, "pg", "data")
	certFile, other := filepath.Join(data, "server.crt"), filepath.Join(dir, "other.crt")
	writeCertificate(t, certFile, filepath.Join(data, "server.key"), 1)
	writeCertificate(t, other, filepath.Join(dir, "other.key"), 2)
	st, err := os.Stat(data)
	if err != nil {
		t.Fatal(err)
	}
	owner := st.Sys().(*syscall.Stat_t)
	for _, name := range []string{"server.crt", "server.key"} {
		if err := os.Chown(filepath.Join(data, name), int(owner.Uid), int(owner.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	storagetest.Exec(t, server.URL(), `ALTER SYSTEM SET ssl = on`, `SELECT pg_reload_conf()`)
	over := func(ca string) map[string]string {
		u, err := url.Parse(server.TCPURL())
		if err != nil {
			t.Fatal(err)
		}
		u.RawQuery = url.Values{"sslmode": {"verify-full"}, "sslrootcert": {ca}}.Encode()
		return map[string]string{"SPEECHQA_DATABASE_OWNER_URL": u.String(), "SPEECHQA_DATABASE_URL": storagetest.AppURL(t, u.String())}
	}
	eventually(t, "PostgreSQL with TLS", func() bool {
		status, _, _ := speechqa(t, over(certFile), "migrate")
		return status == 0
	})
	if status, _, errs := speechqa(t, over(certFile), "user", "list"); status != 0 {
		t.Errorf("status %d, %s", status, errs)
	}
	for _, command := range [][]string{{"migrate"}, {"user", "list"}} {
		if status, _, errs := speechqa(t, over(other), command...); status == 0 || !strings.Contains(errs, "certificate") {
			t.Errorf("%v with another authority: status %d, %s", command, status, errs)
		}
	}
}
