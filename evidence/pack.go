package evidence

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"time"
)

// Format names the layout below. Another layout gets another name.
const Format = "speechqa evidence 1"

// Names of members. Those of a recording lie below recordings/ID/, those of a ruleset below rulesets/HASH/.
const (
	manifestName  = "manifest.json"
	signatureName = "manifest.json.minisig"
	signerName    = "signer.pub"
	reportName    = "report.html"
	readmeName    = "README.txt"

	conversationName = "conversation.json" // what the detectors saw
	resultName       = "result.json"       // what they found, byte for byte
	transcriptName   = "transcript.json"   // what was heard, and what heard it
	reviewName       = "review.json"       // what people decided
	auditName        = "audit.jsonl"       // what the audit log has about the recording
)

// Manifest lists everything in a pack but itself and its signature. The signature is over its bytes.
type Manifest struct {
	Format        string    `json:"format"`
	CreatedAt     time.Time `json:"created_at"`
	CreatedBy     string    `json:"created_by"`
	EngineVersion string    `json:"engine_version"`
	Recordings    []Entry   `json:"recordings"`
	Files         []File    `json:"files"`
}

// Entry is a recording in a pack.
type Entry struct {
	ID             string            `json:"id"`
	Object         string            `json:"object"` // bucket/key
	Version        string            `json:"version,omitempty"`
	Audio          string            `json:"audio"` // member
	AudioSHA256    string            `json:"audio_sha256"`
	TakenInSHA256  string            `json:"taken_in_sha256"` // as first taken of the object
	RecordedAt     time.Time         `json:"recorded_at"`
	RetainUntil    time.Time         `json:"retain_until"`
	ModelName      string            `json:"model_name"`
	ModelHash      string            `json:"model_hash"`
	Params         map[string]string `json:"params"`
	TranscriptHash string            `json:"transcript_hash"`
	RulesetHash    string            `json:"ruleset_hash"`
	EngineVersion  string            `json:"engine_version"`
	Score          int               `json:"score"` // after what people decided
	Fatal          bool              `json:"fatal"`
}

// File is a member with its SHA-256, hex.
type File struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"` // bytes
	SHA256 string `json:"sha256"`
}

// Errors that callers tell apart.
var (
	// ErrNoKey says that nothing can be signed.
	ErrNoKey = errors.New("no signing key is configured: make one with `speechqa evidence key FILE` and set SPEECHQA_SIGNING_KEY_FILE")
	// ErrNotInspected says that a recording has no findings to prove.
	ErrNotInspected = errors.New("the recording is not inspected")
	// ErrStale says that stored findings are not what their rules find.
	ErrStale = errors.New("the stored findings are not what their rules find in the transcript: inspect the recording again first")
	// ErrNoRules says that the rules of an inspection are not known any more.
	ErrNoRules = errors.New("the ruleset that inspected the recording is not stored: inspect the recording again first")
	// ErrTampered says that a pack is not as it was made; the message names what is wrong.
	ErrTampered = errors.New("the pack is not as it was made")
)

func dirOf(recording string) string { return path.Join("recordings", recording) }

func rulesDir(hash string) string { return path.Join("rulesets", hash) }

// canonical is the one form in which results are written and compared.
func canonical(v any) ([]byte, error) {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return append(b, '\n'), nil
}
