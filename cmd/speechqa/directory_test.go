package main

import (
	"strings"
	"testing"
)

// What cannot be a directory is said at the start, all at once.
func TestDirectorySettings(t *testing.T) {
	for name, c := range map[string]struct {
		f      directoryFlags
		public string
		says   []string
	}{
		"none":         {directoryFlags{OIDCClaim: "email"}, "", nil},
		"whole":        {directoryFlags{OIDCIssuer: "https://login.example/realm", OIDCClient: "c", OIDCFactors: "mfa, otp"}, "https://qa.example", nil},
		"for trying":   {directoryFlags{OIDCIssuer: "http://127.0.0.1:5000/oidc", OIDCClient: "c"}, "http://127.0.0.1:8080", nil},
		"no issuer":    {directoryFlags{OIDCClient: "c"}, "https://qa.example", []string{"SPEECHQA_OIDC_ISSUER"}},
		"without TLS":  {directoryFlags{OIDCIssuer: "http://login.example", OIDCClient: "c"}, "https://qa.example", []string{"SPEECHQA_OIDC_ISSUER"}},
		"all is wrong": {directoryFlags{OIDCIssuer: "login"}, "", []string{"SPEECHQA_OIDC_ISSUER", "SPEECHQA_OIDC_CLIENT", "SPEECHQA_PUBLIC_URL"}},
	} {
		var p problems
		d := c.f.read(&p, c.public)
		err := p.err()
		if (err == nil) != (c.says == nil) || c.says == nil && (d == nil) != (name == "none") {
			t.Errorf("%s: %+v %v", name, d, err)
		}
		for _, want := range c.says {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v does not name %s", name, err, want)
			}
		}
		if name == "whole" && len(d.Factors) != 2 {
			t.Errorf("factors %q", d.Factors)
		}
	}
}
