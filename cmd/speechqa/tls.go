package main

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certificate is what the console and the notifications' receiver show over TLS. It is read again when its files have
// changed, so that one that is renewed needs no restart.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu      sync.Mutex
	shown   *tls.Certificate
	version string    // of the files that were last read, good or not
	looked  time.Time // when the files were last looked at
}

// lookEvery bounds how often handshakes look at the files.
const lookEvery = time.Second

// openCertificate reads the certificate for the first time.
func openCertificate(certFile, keyFile string) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, log: slog.New(slog.DiscardHandler)}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, err
	}
	c.shown, c.version = &pair, c.filesVersion()
	return c, nil
}

// config is for a server: TLS 1.2 at least.
func (c *certificate) config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current(), nil }}
}

// current is the certificate of the files, or the one before where they cannot be read, such as half replaced.
func (c *certificate) current() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) < lookEvery {
		return c.shown
	}
	c.looked = time.Now()
	version := c.filesVersion()
	if version == c.version {
		return c.shown
	}
	c.version = version
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		c.log.Error("the certificate has changed and cannot be read; the one before is shown on", "file", c.certFile, "error", err)
		return c.shown
	}
	c.log.Info("the certificate has changed", "file", c.certFile, "until", pair.Leaf.NotAfter)
	c.shown = &pair
	return c.shown
}

func (c *certificate) filesVersion() (v string) {
	for _, name := range []string{c.certFile, c.keyFile} {
		if st, err := os.Stat(name); err == nil {
			v += fmt.Sprint(st.ModTime().UnixNano(), st.Size(), " ")
		} else {
			v += "missing "
		}
	}
	return v
}

// tlsFlags are settings of processes that listen.
type tlsFlags struct {
	TLSCert string `name:"tls-cert" config:"SPEECHQA_TLS_CERT" group:"Console" placeholder:"FILE" help:"PEM file with the certificate that the console and the notifications' receiver show, with those above it; they speak TLS (1.2 or later) then, and read the file again when it changes. Without it they speak HTTP, for a reverse proxy before them."`
	TLSKey  string `name:"tls-key" config:"SPEECHQA_TLS_KEY" group:"Console" placeholder:"FILE" help:"PEM file with the certificate's private key."`
}

// read gives nil where no TLS is to be spoken.
func (f tlsFlags) read(p *problems, log *slog.Logger) *certificate {
	switch {
	case f.TLSCert == "" && f.TLSKey == "":
		return nil
	case f.TLSCert == "":
		p.add("SPEECHQA_TLS_CERT", "is not set, but SPEECHQA_TLS_KEY is")
		return nil
	case f.TLSKey == "":
		p.add("SPEECHQA_TLS_KEY", "is not set, but SPEECHQA_TLS_CERT is")
		return nil
	}
	c, err := openCertificate(f.TLSCert, f.TLSKey)
	if err != nil {
		p.add("SPEECHQA_TLS_CERT", "certificate and key cannot be used: %v", err)
		return nil
	}
	c.log = log
	return c
}
