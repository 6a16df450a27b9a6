package evidence

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"time"

	"github.com/speechqa/speechqa/custody"
	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/lexicon"
	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/storage/postgres"
)

// Store is what packs are made from.
type Store interface {
	// Review gives everything about one recording; postgres.ErrNotFound when there is none.
	Review(ctx context.Context, id string) (postgres.Review, error)
	// AuditOf gives what the audit log has about a subject, in order.
	AuditOf(ctx context.Context, subject string) ([]postgres.AuditEntry, error)
	// RulesetByHash gives a ruleset's files by path; postgres.ErrNotFound when it is not stored.
	RulesetByHash(ctx context.Context, hash string) (map[string][]byte, error)
	// Custody is how a recording is kept.
	Custody(ctx context.Context, id string) (custody.Custody, error)
}

// Source gives the bytes of a recording.
type Source interface {
	Open(ctx context.Context, o pipeline.Object) (io.ReadCloser, error)
}

// subject is a recording with everything a pack holds of it, but for the audio's bytes.
type subject struct {
	entry        Entry
	object       pipeline.Object
	conversation detectors.Conversation
	result       detectors.Result
	review       postgres.Review
	members      []member
	rules        *lexicon.Ruleset
}

// member is a file of a pack that is held in memory.
type member struct {
	name    string
	content []byte
}

// auditLine is an audit entry as packs hold it.
type auditLine struct {
	Seq     int64     `json:"seq"`
	At      time.Time `json:"at"`
	Actor   string    `json:"actor"`
	Name    string    `json:"name"`
	Action  string    `json:"action"`
	Subject string    `json:"subject"`
	Origin  string    `json:"origin"`
	Detail  string    `json:"detail"`
	Prev    string    `json:"prev"`
	Hash    string    `json:"hash"`
}

func (l auditLine) entry() (e postgres.AuditEntry, err error) {
	prev, err1 := hex.DecodeString(l.Prev)
	hash, err2 := hex.DecodeString(l.Hash)
	if err := errors.Join(err1, err2); err != nil || len(prev) != 32 || len(hash) != 32 {
		return e, fmt.Errorf("audit entry %d: a hash is none", l.Seq)
	}
	return postgres.AuditEntry{Seq: l.Seq, At: l.At, Actor: l.Actor, Name: l.Name, Action: l.Action, Subject: l.Subject,
		Origin: l.Origin, Detail: l.Detail, Prev: [32]byte(prev), Hash: [32]byte(hash)}, nil
}

// engines compiles each ruleset once.
type engines map[string]*detectors.Engine

func (es engines) of(files map[string][]byte, hash string) (*detectors.Engine, error) {
	if e := es[hash]; e != nil {
		return e, nil
	}
	rs, err := lexicon.LoadFiles(files)
	if err != nil {
		return nil, fmt.Errorf("ruleset %s: %w", hash, err)
	}
	if rs.Hash != hash {
		return nil, fmt.Errorf("the ruleset's files are not those of %s: their hash is %s", hash, rs.Hash)
	}
	e, err := detectors.New(rs)
	if err == nil {
		es[hash] = e
	}
	return e, err
}

// gather reads everything about one recording and makes sure that its findings are what its rules find.
func gather(ctx context.Context, s Store, es engines, rulesets map[string]map[string][]byte, id string) (*subject, error) {
	v, err := s.Review(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("recording %s: %w", id, err)
	}
	if v.Recording.State != pipeline.StateInspected {
		return nil, fmt.Errorf("recording %s: %w: %s", id, ErrNotInspected, v.Recording.State)
	}
	kept, err := s.Custody(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("recording %s: %w", id, err)
	}
	files := rulesets[v.RulesetHash]
	if files == nil {
		files, err = s.RulesetByHash(ctx, v.RulesetHash)
		if errors.Is(err, postgres.ErrNotFound) {
			return nil, fmt.Errorf("recording %s: %w (%s)", id, ErrNoRules, v.RulesetHash)
		}
		if err != nil {
			return nil, fmt.Errorf("ruleset %s: %w", v.RulesetHash, err)
		}
		rulesets[v.RulesetHash] = files
	}
	engine, err := es.of(files, v.RulesetHash)
	if err != nil {
		return nil, err
	}
	o := v.Recording.Object
	x := &subject{review: v, object: o, rules: engine.Ruleset(), conversation: detectors.Conversation{
		ID: id, Kind: v.Recording.Kind, Metadata: v.Recording.Metadata,
		Facts:      detectors.Facts{Duration: v.Audio.Duration, Gaps: v.Audio.Gaps},
		Utterances: v.Transcript.Utterances,
	}}
	x.result = engine.Inspect(&x.conversation)
	if !sameFindings(x.result.Findings, v.Findings) {
		return nil, fmt.Errorf("recording %s: %w", id, ErrStale)
	}
	x.result = counted(x.result)
	x.review.Findings = slices.DeleteFunc(x.review.Findings, func(f postgres.JudgedFinding) bool { return f.Shadow })
	x.entry = Entry{ID: id, Object: o.Bucket + "/" + o.Key, Version: o.VersionID, Audio: path.Join(dirOf(id), "audio"+audioExt(o.Key)),
		TakenInSHA256: kept.SHA256, RecordedAt: kept.RecordedAt.UTC(), RetainUntil: kept.RetainUntil.UTC(),
		ModelName: v.Transcript.ModelName, ModelHash: v.Transcript.ModelHash, Params: v.Transcript.Params, TranscriptHash: v.TranscriptHash,
		RulesetHash: v.RulesetHash, EngineVersion: x.result.EngineVersion, Score: v.Score, Fatal: v.Fatal}
	return x, x.collect(ctx, s)
}

// audioExt keeps a key's ending where it is an ordinary one.
func audioExt(key string) string {
	ext := path.Ext(key)
	for _, r := range ext[min(1, len(ext)):] {
		if r > 'z' || r < '0' || r > '9' && r < 'A' || r > 'Z' && r < 'a' {
			return ""
		}
	}
	if len(ext) > 8 {
		return ""
	}
	return ext
}

// sameFindings compares what the rules find with what is stored of it. What people added, what was judged and the
// rules no longer make, a language model's second opinion, and what only several recordings together show cannot be
// found in one transcript again.
func sameFindings(found []detectors.Finding, stored []postgres.JudgedFinding) bool {
	have := map[string][]byte{}
	for _, f := range stored {
		if f.Added || f.How == detectors.HowLLM || len(f.Related) > 0 {
			continue
		}
		b, err := json.Marshal(f.Finding)
		if err != nil {
			return false
		}
		have[f.Key] = b
	}
	for _, f := range found {
		b, err := json.Marshal(f)
		if err != nil || !bytes.Equal(have[f.Key], b) {
			return false
		}
		delete(have, f.Key)
	}
	for _, f := range stored {
		if _, left := have[f.Key]; left && f.Verdict == postgres.VerdictOpen {
			return false
		}
	}
	return true
}

// counted is a result without what rules on shadow found: they are being tried, prove nothing and are nobody's business.
func counted(r detectors.Result) detectors.Result {
	r.Findings = slices.DeleteFunc(slices.Clone(r.Findings), func(f detectors.Finding) bool { return f.Shadow })
	return r
}

// collect makes the recording's members.
func (x *subject) collect(ctx context.Context, s Store) error {
	dir := dirOf(x.entry.ID)
	add := func(name string, v any) error {
		b, err := canonical(v)
		x.members = append(x.members, member{path.Join(dir, name), b})
		return err
	}
	err := errors.Join(add(conversationName, x.conversation), add(resultName, x.result), add(transcriptName, map[string]any{
		"audio": x.review.Audio, "transcript": x.review.Transcript, "transcript_hash": x.review.TranscriptHash,
	}), add(reviewName, map[string]any{"score": x.review.Score, "fatal": x.review.Fatal, "findings": x.review.Findings, "trail": x.review.Trail}))
	if err != nil {
		return err
	}
	entries, err := s.AuditOf(ctx, "recording:"+x.entry.ID)
	if err != nil {
		return fmt.Errorf("audit log of %s: %w", x.entry.ID, err)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, e := range entries {
		line := auditLine{e.Seq, e.At.UTC(), e.Actor, e.Name, e.Action, e.Subject, e.Origin, e.Detail, hex.EncodeToString(e.Prev[:]), hex.EncodeToString(e.Hash[:])}
		if err := enc.Encode(line); err != nil {
			return fmt.Errorf("audit log of %s: %w", x.entry.ID, err)
		}
	}
	x.members = append(x.members, member{path.Join(dir, auditName), b.Bytes()})
	return nil
}

// rulesMembers are the files of the rulesets, in order.
func rulesMembers(rulesets map[string]map[string][]byte) []member {
	var out []member
	for hash, files := range rulesets {
		for name, content := range files {
			out = append(out, member{path.Join(rulesDir(hash), name), content})
		}
	}
	slices.SortFunc(out, func(a, b member) int {
		if a.name < b.name {
			return -1
		}
		return 1
	})
	return out
}
