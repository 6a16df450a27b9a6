package main

import (
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/speechqa/speechqa/storage/storagetest"
)

// TestRedisOverTLS: with rediss:// Redis is believed only with a certificate of an authority that the machine trusts, and
// the password goes over TLS.
func TestRedisOverTLS(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile, other := filepath.Join(dir, "redis.crt"), filepath.Join(dir, "redis.key"), filepath.Join(dir, "other.crt")
	writeCertificate(t, certFile, keyFile, 1)
	writeCertificate(t, other, filepath.Join(dir, "other.key"), 2)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	server := exec.Command("redis-server", "--bind", "127.0.0.1", "--port", "0", "--tls-port", port, "--tls-cert-file", certFile, "--tls-key-file", keyFile,
		"--tls-ca-cert-file", certFile, "--tls-auth-clients", "no", "--requirepass", "secret-of-redis", "--dir", dir, "--save", "")
	if err := server.Start(); err != nil {
		t.Fatalf("start redis-server (Debian, Ubuntu: apt-get install redis-server): %v", err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill() // it may have ended
		_ = server.Wait()
	})
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	database := storagetest.AppURL(t, storagetest.Database(t))
	pause := func(authority, password string) (said string, err error) {
		cmd := exec.Command(path, "queue", "pause", "inspect")
		cmd.Env = []string{"SSL_CERT_FILE=" + authority, "SPEECHQA_DATABASE_URL=" + database, "SPEECHQA_REDIS_URL=rediss://:" + password + "@" + address + "/0"}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	eventually(t, "Redis over TLS", func() bool { _, err := pause(certFile, "secret-of-redis"); return err == nil })
	if said, err := pause(other, "secret-of-redis"); err == nil || !strings.Contains(said, "certificate") || strings.Contains(said, "secret-of-redis") {
		t.Errorf("with another authority: %v, %s", err, said)
	}
	if said, err := pause(certFile, "wrong"); err == nil {
		t.Errorf("with a wrong password: %s", said)
	}
}
