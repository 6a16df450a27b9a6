package web

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Sealer encrypts what the database has to keep and nobody who reads it is to know: the keys of second factors, and the
// secrets of webhooks. The
// first of its keys encrypts; all of them decrypt, so that a key can be replaced.
type Sealer struct {
	first string // id of the key that encrypts
	keys  map[string]cipher.AEAD
}

// sealed is what begins a value that is encrypted: sealed, key's id, base64 of nonce and ciphertext. Base32, as keys
// of second factors are written, has no colon.
const sealed = "sealed:"

// sealKeyBytes is how long a key is: AES-256.
const sealKeyBytes = 32

// NewSealer takes keys of 32 bytes in base64, separated by commas, the present one first.
func NewSealer(keys string) (*Sealer, error) {
	s := &Sealer{keys: map[string]cipher.AEAD{}}
	for text := range strings.SplitSeq(keys, ",") {
		key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
		if err != nil || len(key) != sealKeyBytes {
			return nil, errors.New("a key must be 32 random bytes in base64; `openssl rand -base64 32` makes one")
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, fmt.Errorf("key: %w", err)
		}
		gcm, err := cipher.NewGCM(block)
		if err != nil {
			return nil, fmt.Errorf("key: %w", err)
		}
		sum := sha256.Sum256(key)
		id := hex.EncodeToString(sum[:4])
		s.keys[id] = gcm
		if s.first == "" {
			s.first = id
		}
	}
	return s, nil
}

// Seal encrypts a value so that it can be opened for the same owner only.
func (s *Sealer) Seal(value, owner string) string {
	gcm := s.keys[s.first]
	nonce := make([]byte, gcm.NonceSize())
	_, _ = rand.Read(nonce) // never fails
	return sealed + s.first + ":" + base64.StdEncoding.EncodeToString(gcm.Seal(nonce, nonce, []byte(value), []byte(owner)))
}

// Open decrypts. What is not encrypted, as keys were before there was a Sealer, is given back as it is; old says that it
// should be sealed again, by the present key. A nil Sealer opens only what is not encrypted.
func (s *Sealer) Open(value, owner string) (plain string, old bool, err error) {
	rest, is := strings.CutPrefix(value, sealed)
	if !is {
		return value, s != nil && value != "", nil
	}
	id, text, _ := strings.Cut(rest, ":")
	if s == nil || s.keys[id] == nil {
		return "", false, fmt.Errorf("it is encrypted with key %q, which SPEECHQA_FACTOR_KEY does not have", id)
	}
	b, err := base64.StdEncoding.DecodeString(text)
	gcm := s.keys[id]
	if err != nil || len(b) < gcm.NonceSize() {
		return "", false, errors.New("what is encrypted in the database is damaged")
	}
	out, err := gcm.Open(nil, b[:gcm.NonceSize()], b[gcm.NonceSize():], []byte(owner))
	if err != nil {
		return "", false, errors.New("what is encrypted in the database was altered, or is another's")
	}
	return string(out), id != s.first, nil
}
