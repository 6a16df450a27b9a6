package evidence

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"aead.dev/minisign"

	"github.com/speechqa/speechqa/detectors"
)

// Limits keep a hostile pack from filling memory or a disk.
const (
	maxMembers = 20_000
	maxSize    = int64(64) << 30  // of all members, unpacked
	maxHeld    = int64(512) << 20 // of one member that is read into memory
)

// Proof is what verifying a pack showed.
type Proof struct {
	Manifest Manifest
	Signer   string // public key's id
	Known    bool   // the signature is of the key that was asked for, and not just of the one in the pack
	Comment  string // signed with the manifest
	Members  int
	Inspected
}

// Inspected is what running the detectors again showed.
type Inspected struct {
	Findings int // found again, byte for byte
}

func tampered(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrTampered, fmt.Sprintf(format, args...))
}

// Opened is a pack whose every byte has been checked.
type Opened struct {
	Proof
	zip     *zip.Reader
	members map[string]*zip.File
}

// Open checks a pack: names, completeness, signature, hashes, audit entries. Public is the key it must be signed
// with; nil takes the one in the pack, which proves that the pack is whole but not whose it is.
func Open(r io.ReaderAt, size int64, public *minisign.PublicKey) (*Opened, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, tampered("it is no whole ZIP file (%v)", err)
	}
	p := &Opened{zip: z, members: map[string]*zip.File{}}
	if err := p.names(); err != nil {
		return nil, err
	}
	manifest, err := p.read(manifestName)
	if err != nil {
		return nil, err
	}
	if err := p.signed(manifest, public); err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(manifest))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p.Manifest); err != nil {
		return nil, tampered("its manifest cannot be read (%v)", err)
	}
	if p.Manifest.Format != Format {
		return nil, fmt.Errorf("the pack's format is %q, this program knows %q", p.Manifest.Format, Format)
	}
	return p, p.hashes()
}

// names refuses members that would leave the place they are unpacked to, hide each other, or be more than files.
func (p *Opened) names() error {
	if len(p.zip.File) > maxMembers {
		return tampered("it has more than %d members", maxMembers)
	}
	var total uint64
	folded := map[string]string{}
	for _, f := range p.zip.File {
		switch other, twice := folded[strings.ToLower(f.Name)]; {
		case twice:
			return tampered("two members are called %q and %q", other, f.Name)
		case !fs.ValidPath(f.Name) || f.Name == "." || strings.ContainsAny(f.Name, "\\:\x00"):
			return tampered("a member is called %q, which leads out of the pack", f.Name)
		case !f.Mode().IsRegular():
			return tampered("the member %q is no file", f.Name)
		}
		folded[strings.ToLower(f.Name)] = f.Name
		p.members[f.Name] = f
		if total += f.UncompressedSize64; f.UncompressedSize64 > uint64(maxSize) || total > uint64(maxSize) {
			return tampered("its members are larger than %d bytes", maxSize)
		}
	}
	return nil
}

func (p *Opened) signed(manifest []byte, public *minisign.PublicKey) error {
	signature, err := p.read(signatureName)
	if err != nil {
		return err
	}
	text, err := p.read(signerName)
	if err != nil {
		return err
	}
	inside, err := ParsePublic(string(text))
	if err != nil {
		return tampered("its signer's key cannot be read (%v)", err)
	}
	key := inside
	if public != nil {
		key, p.Known = *public, true
	}
	comment, ok := Verify(key, manifest, signature)
	if !ok {
		if p.Known && !inside.Equal(key) {
			return tampered("it is not signed with the key given (%X), but names the key %X", key.ID(), inside.ID())
		}
		return tampered("its manifest does not fit its signature")
	}
	p.Signer, p.Comment = fmt.Sprintf("%016X", key.ID()), comment
	return nil
}

// hashes compares every member with the manifest: none altered, missing, or beside it.
func (p *Opened) hashes() error {
	listed := map[string]bool{manifestName: true, signatureName: true}
	for _, f := range p.Manifest.Files {
		if listed[f.Name] {
			return tampered("its manifest lists %s twice", f.Name)
		}
		listed[f.Name] = true
		m := p.members[f.Name]
		if m == nil {
			return tampered("%s is missing", f.Name)
		}
		if m.UncompressedSize64 != uint64(f.Size) {
			return tampered("%s has %d bytes, not %d", f.Name, m.UncompressedSize64, f.Size)
		}
		h := sha256.New()
		if err := p.copy(h, f.Name); err != nil {
			return err
		}
		if got := hex.EncodeToString(h.Sum(nil)); got != f.SHA256 {
			return tampered("%s was altered: its SHA-256 is %s, not %s", f.Name, got, f.SHA256)
		}
	}
	for name := range p.members {
		if !listed[name] {
			return tampered("%s is not in its manifest", name)
		}
	}
	p.Members = len(p.members)
	for _, e := range p.Manifest.Recordings {
		i := slices.IndexFunc(p.Manifest.Files, func(f File) bool { return f.Name == e.Audio })
		if i < 0 || p.Manifest.Files[i].SHA256 != e.AudioSHA256 {
			return tampered("the audio of recording %s is not what its manifest says", e.ID)
		}
	}
	return nil
}

func (p *Opened) copy(w io.Writer, name string) error {
	m := p.members[name]
	if m == nil {
		return tampered("%s is missing", name)
	}
	r, err := m.Open()
	if err != nil {
		return tampered("%s cannot be read (%v)", name, err)
	}
	defer r.Close()
	if _, err := io.Copy(w, io.LimitReader(r, maxSize)); err != nil {
		var corrupt flate.CorruptInputError
		if errors.As(err, &corrupt) || errors.Is(err, zip.ErrChecksum) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, zip.ErrFormat) {
			return tampered("%s was altered (%v)", name, err)
		}
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// read gives a member's bytes.
func (p *Opened) read(name string) ([]byte, error) {
	if m := p.members[name]; m != nil && m.UncompressedSize64 > uint64(maxHeld) {
		return nil, tampered("%s is larger than %d bytes", name, maxHeld)
	}
	var b bytes.Buffer
	if err := p.copy(&b, name); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Audio writes a recording's original audio to w.
func (p *Opened) Audio(w io.Writer, e Entry) error { return p.copy(w, e.Audio) }

// Conversation is what the detectors saw of a recording.
func (p *Opened) Conversation(e Entry) (*detectors.Conversation, error) {
	b, err := p.read(path.Join(dirOf(e.ID), conversationName))
	if err != nil {
		return nil, err
	}
	c := new(detectors.Conversation)
	if err := json.Unmarshal(b, c); err != nil {
		return nil, tampered("what the detectors saw of %s cannot be read (%v)", e.ID, err)
	}
	return c, nil
}

// Engine compiles the rules that were applied to a recording.
func (p *Opened) Engine(e Entry) (*detectors.Engine, error) {
	files := map[string][]byte{}
	dir := rulesDir(e.RulesetHash) + "/"
	for _, name := range slices.Sorted(maps.Keys(p.members)) {
		if rest, ok := strings.CutPrefix(name, dir); ok {
			b, err := p.read(name)
			if err != nil {
				return nil, err
			}
			files[rest] = b
		}
	}
	engine, err := engines{}.of(files, e.RulesetHash)
	if err != nil {
		return nil, tampered("%v", err)
	}
	return engine, nil
}

// Inspect runs the detectors again: for every recording they must find the same, byte for byte.
func (p *Opened) Inspect() error {
	for _, e := range p.Manifest.Recordings {
		if e.EngineVersion != detectors.EngineVersion {
			return fmt.Errorf("recording %s was inspected by version %s of the detectors and this program has %s: use a program of that version",
				e.ID, e.EngineVersion, detectors.EngineVersion)
		}
		engine, err := p.Engine(e)
		if err != nil {
			return err
		}
		c, err := p.Conversation(e)
		if err != nil {
			return err
		}
		all := engine.Inspect(c)
		result := counted(all)
		again, err := canonical(result)
		if err != nil {
			return err
		}
		whole, err := canonical(all) // a pack of earlier holds what rules on shadow found, too
		if err != nil {
			return err
		}
		before, err := p.read(path.Join(dirOf(e.ID), resultName))
		if err != nil {
			return err
		}
		if !bytes.Equal(again, before) && !bytes.Equal(whole, before) {
			return tampered("the rules find something else in recording %s than the pack says", e.ID)
		}
		p.Findings += len(result.Findings)
		if err := p.audit(e); err != nil {
			return err
		}
	}
	return nil
}

// audit checks that each entry's own hash is of what the entry says.
func (p *Opened) audit(e Entry) error {
	b, err := p.read(path.Join(dirOf(e.ID), auditName))
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	for dec.More() {
		var l auditLine
		if err := dec.Decode(&l); err != nil {
			return tampered("the audit log's extract of %s cannot be read (%v)", e.ID, err)
		}
		entry, err := l.entry()
		if err != nil || !entry.Intact() || entry.Subject != "recording:"+e.ID {
			return tampered("entry %d of the audit log's extract of %s is not as it was written", l.Seq, e.ID)
		}
	}
	return nil
}
