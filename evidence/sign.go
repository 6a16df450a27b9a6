package evidence

import (
	"crypto/rand"
	"fmt"
	"strings"

	"aead.dev/minisign"
)

// Key signs packs and records.
type Key struct{ private minisign.PrivateKey }

// ParseKey reads a secret key as minisign writes it; the password opens an encrypted one.
func ParseKey(text, password string) (*Key, error) {
	b := []byte(strings.TrimSpace(text) + "\n")
	if minisign.IsEncrypted(b) {
		if password == "" {
			return nil, fmt.Errorf("the signing key is encrypted: set SPEECHQA_SIGNING_KEY_PASSWORD")
		}
		k, err := minisign.DecryptKey(password, b)
		if err != nil {
			return nil, fmt.Errorf("the signing key cannot be opened with this password: %w", err)
		}
		return &Key{k}, nil
	}
	var k minisign.PrivateKey
	if err := k.UnmarshalText(b); err != nil {
		return nil, fmt.Errorf("the signing key is no minisign secret key: %w", err)
	}
	return &Key{k}, nil
}

// NewKey makes a key pair as two texts; with a password the secret one is encrypted.
func NewKey(password string) (secret, public string, err error) {
	pub, private, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		return "", "", fmt.Errorf("make a key: %w", err)
	}
	var b []byte
	if password == "" {
		b, err = private.MarshalText()
	} else {
		b, err = minisign.EncryptKey(password, private)
	}
	if err != nil {
		return "", "", fmt.Errorf("make a key: %w", err)
	}
	p, err := pub.MarshalText()
	if err != nil {
		return "", "", fmt.Errorf("make a key: %w", err)
	}
	return strings.TrimSpace(string(b)) + "\n", strings.TrimSpace(string(p)) + "\n", nil
}

// Sign signs a message; the comment is signed with it.
func (k *Key) Sign(message []byte, comment string) []byte {
	return minisign.SignWithComments(k.private, message, comment, "signature of speechqa")
}

// Public is the public key's text.
func (k *Key) Public() ([]byte, error) {
	return k.private.Public().(minisign.PublicKey).MarshalText()
}

// ParsePublic reads a public key: the file minisign writes, or its second line alone.
func ParsePublic(text string) (minisign.PublicKey, error) {
	var p minisign.PublicKey
	if err := p.UnmarshalText([]byte(strings.TrimSpace(text))); err != nil {
		return p, fmt.Errorf("no minisign public key: %w", err)
	}
	return p, nil
}

// Verify says whether the signature is the key's over the message, and gives the comment that was signed with it.
func Verify(public minisign.PublicKey, message, signature []byte) (comment string, ok bool) {
	if !minisign.Verify(public, message, signature) {
		return "", false
	}
	var s minisign.Signature
	if err := s.UnmarshalText(signature); err != nil {
		return "", false
	}
	return s.TrustedComment, true
}
