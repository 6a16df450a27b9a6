package main

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/web"
)

// officeSealer encrypts the keys of second factors in an office that runs everything in one process: with the key
// configured, or with one made once.
func officeSealer(dir string, configured *web.Sealer) (*web.Sealer, error) {
	if configured != nil {
		return configured, nil
	}
	path := filepath.Join(dir, "factor.key")
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		key := make([]byte, 32)
		_, _ = rand.Read(key) // never fails
		b = []byte(base64.StdEncoding.EncodeToString(key))
		_, err = writeNew(path, func(f *os.File) (int, error) { return f.Write(b) })
	}
	if err != nil {
		return nil, fmt.Errorf("key of second factors: %w", err)
	}
	s, err := web.NewSealer(string(b))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// userResealCmd encrypts the keys of all second factors, and the secrets of all webhooks, by the present key.
type userResealCmd struct {
	databaseFlags
	FactorKey string `config:"SPEECHQA_FACTOR_KEY" secret:"" placeholder:"KEY" help:"The present key, then those of before, separated by commas."`
}

func (c *userResealCmd) Run(a *app) error {
	var p problems
	sealer := accessFlags{FactorKey: c.FactorKey}.sealer(&p)
	if sealer == nil && c.FactorKey == "" {
		p.add("SPEECHQA_FACTOR_KEY", "is not set: there is nothing to encrypt with")
	}
	if err := p.err(); err != nil {
		return err
	}
	return withStore(a, c.databaseFlags, func(s *postgres.Store) error {
		users, err := s.Users(a.ctx)
		if err != nil {
			return err
		}
		var done, lost int
		for _, u := range users {
			plain, old, err := sealer.Open(u.TOTPSecret, u.ID)
			if err != nil {
				lost++
				fmt.Fprintf(a.stderr, "second factor of %[1]s: %[2]v; `speechqa user password %[1]s --drop-factor` lets him set up another\n", u.Name, err)
				continue
			}
			if !old {
				continue
			}
			if err := s.ReplaceTOTPKey(a.ctx, u.ID, u.TOTPSecret, sealer.Seal(plain, u.ID)); err != nil {
				return fmt.Errorf("second factor of %s: %w", u.Name, err)
			}
			done++
		}
		hooks, gone, err := resealHooks(a, s, sealer)
		if err != nil {
			return err
		}
		lost += gone
		if _, err := fmt.Fprintf(a.stdout, "%d keys of second factors and %d secrets of webhooks encrypted by the present key\n", done, hooks); err != nil {
			return err
		}
		if lost > 0 {
			return fmt.Errorf("%d keys cannot be read", lost)
		}
		return nil
	})
}

func resealHooks(a *app, s *postgres.Store, sealer *web.Sealer) (done, lost int, err error) {
	all, err := s.HookSecrets(a.ctx)
	if err != nil {
		return 0, 0, err
	}
	for _, h := range all {
		fresh, old, err := web.ResealHook(sealer, h.Secret, h.URL)
		if err != nil {
			lost++
			fmt.Fprintf(a.stderr, "webhook %s: %v; remove it and make another\n", h.URL, err)
			continue
		}
		if !old {
			continue
		}
		if err := s.ReplaceHookSecret(a.ctx, h.ID, h.Secret, fresh); err != nil {
			return done, lost, fmt.Errorf("webhook %s: %w", h.URL, err)
		}
		done++
	}
	return done, lost, nil
}
