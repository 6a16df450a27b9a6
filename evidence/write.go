package evidence

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/speechqa/speechqa/detectors"
)

// Exporter makes packs.
type Exporter struct {
	Store  Store
	Source Source
	Key    *Key           // nil: nothing can be exported
	Zone   *time.Location // of the report's times
}

//go:embed README.txt
var readme []byte

// Export writes a pack of the recordings to w, in their order. Nothing is written before all of them are known to be
// as their rules find them; an error after that leaves an unfinished file.
func (x *Exporter) Export(ctx context.Context, w io.Writer, by string, recordings ...string) (*Manifest, error) {
	p, err := x.Prepare(ctx, by, recordings...)
	if err != nil {
		return nil, err
	}
	return p.Write(ctx, w)
}

// Pack is ready to be written.
type Pack struct {
	x        *Exporter
	by       string
	subjects []*subject
	rules    []member
}

// Prepare collects everything but the audio and fails where a pack would prove nothing.
func (x *Exporter) Prepare(ctx context.Context, by string, recordings ...string) (*Pack, error) {
	if x.Key == nil {
		return nil, ErrNoKey
	}
	p := &Pack{x: x, by: by}
	es, rulesets := engines{}, map[string]map[string][]byte{}
	for i, id := range recordings {
		if slices.Contains(recordings[:i], id) {
			continue
		}
		s, err := gather(ctx, x.Store, es, rulesets, id)
		if err != nil {
			return nil, err
		}
		p.subjects = append(p.subjects, s)
	}
	p.rules = rulesMembers(rulesets)
	return p, nil
}

// Write writes the pack.
func (p *Pack) Write(ctx context.Context, w io.Writer) (*Manifest, error) {
	z := &zipper{zip: zip.NewWriter(w), at: time.Now().UTC().Truncate(time.Second)}
	m := &Manifest{Format: Format, CreatedAt: z.at, CreatedBy: p.by, EngineVersion: detectors.EngineVersion}
	for _, s := range p.subjects {
		sum, err := z.audio(ctx, p.x.Source, s)
		if err != nil {
			return nil, err
		}
		if s.entry.AudioSHA256 = sum; s.entry.TakenInSHA256 != "" && s.entry.TakenInSHA256 != sum {
			return nil, fmt.Errorf("recording %s: the object's SHA-256 is %s and was %s when it was taken in: `speechqa verify storage`", s.entry.ID, sum, s.entry.TakenInSHA256)
		}
		m.Recordings = append(m.Recordings, s.entry)
	}
	public, err := p.x.Key.Public()
	if err != nil {
		return nil, fmt.Errorf("public key: %w", err)
	}
	var members []member
	for _, s := range p.subjects {
		members = append(members, s.members...)
	}
	report, err := p.report(m)
	if err != nil {
		return nil, err
	}
	members = append(members, p.rules...)
	members = append(members, member{reportName, report}, member{readmeName, readme}, member{signerName, append(public, '\n')})
	for _, f := range members {
		if err := z.add(f.name, strings.NewReader(string(f.content))); err != nil {
			return nil, err
		}
	}
	m.Files = z.files
	b, err := canonical(m)
	if err != nil {
		return nil, err
	}
	if err := z.add(manifestName, strings.NewReader(string(b))); err != nil {
		return nil, err
	}
	signature := p.x.Key.Sign(b, fmt.Sprintf("%s of %s, %d recordings", Format, m.CreatedAt.Format(time.RFC3339), len(m.Recordings)))
	if err := z.add(signatureName, strings.NewReader(string(signature))); err != nil {
		return nil, err
	}
	if err := z.zip.Close(); err != nil {
		return nil, fmt.Errorf("write the pack: %w", err)
	}
	return m, nil
}

// zipper writes members and remembers their hashes.
type zipper struct {
	zip   *zip.Writer
	at    time.Time
	files []File
}

func (z *zipper) add(name string, r io.Reader) error {
	method := zip.Deflate
	if strings.HasSuffix(name, ".mp3") || strings.HasSuffix(name, ".opus") || strings.HasSuffix(name, ".m4a") {
		method = zip.Store
	}
	w, err := z.zip.CreateHeader(&zip.FileHeader{Name: name, Method: method, Modified: z.at})
	if err != nil {
		return fmt.Errorf("write the pack: %w", err)
	}
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, h), r)
	if err != nil {
		return fmt.Errorf("write %s to the pack: %w", name, err)
	}
	z.files = append(z.files, File{Name: name, Size: n, SHA256: hex.EncodeToString(h.Sum(nil))})
	return nil
}

// audio copies the recording itself and returns its SHA-256.
func (z *zipper) audio(ctx context.Context, from Source, s *subject) (string, error) {
	body, err := from.Open(ctx, s.object)
	if err != nil {
		return "", fmt.Errorf("audio of %s: %w", s.entry.ID, err)
	}
	defer body.Close()
	if err := z.add(s.entry.Audio, body); err != nil {
		return "", err
	}
	return z.files[len(z.files)-1].SHA256, nil
}
