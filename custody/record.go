package custody

import (
	"errors"
	"fmt"
	"time"
)

// RecordFormat is the first line of a disposal record, so to say: its form and version.
const RecordFormat = "speechqa disposal record 1"

// DisposalRecord says what a disposal destroyed, what it kept and why, who wanted it and when. It is signed as it is
// stored, byte for byte.
type DisposalRecord struct {
	Format     string          `json:"format"`
	Disposal   string          `json:"disposal"`
	Why        string          `json:"why"`
	HoldsUntil time.Time       `json:"holds_until"`
	Proposed   RecordPerson    `json:"proposed"`
	Approved   RecordPerson    `json:"approved"`
	Note       string          `json:"note,omitempty"` // of who approved
	EndedAt    time.Time       `json:"ended_at"`
	AuditSeq   int64           `json:"audit_seq"`  // the audit log's head when the record was made
	AuditHash  string          `json:"audit_hash"` // hex
	Destroyed  []RecordDeath   `json:"destroyed"`
	Kept       []RecordStaying `json:"kept"`
}

// RecordPerson is who did something, in which role, when.
type RecordPerson struct {
	User string    `json:"user"` // id
	Name string    `json:"name"` // log-in name
	Role string    `json:"role"`
	At   time.Time `json:"at"`
}

// RecordDeath is a recording that was destroyed.
type RecordDeath struct {
	Recording      string    `json:"recording"`
	Bucket         string    `json:"bucket"`
	KeySHA256      string    `json:"key_sha256"` // of the object's key, which may hold a telephone number
	Version        string    `json:"version"`
	Size           int64     `json:"size"`
	SHA256         string    `json:"sha256"`
	TranscriptHash string    `json:"transcript_hash,omitempty"`
	RecordedAt     time.Time `json:"recorded_at"`
	RetainUntil    time.Time `json:"retain_until"`
	CopySHA256     string    `json:"copy_sha256"`
	CopyVerifiedAt time.Time `json:"copy_verified_at"`
	TombstoneAt    time.Time `json:"tombstone_at"`
	ObjectGoneAt   time.Time `json:"object_gone_at"`
	CopyGoneAt     time.Time `json:"copy_gone_at"`
	ErasedAt       time.Time `json:"erased_at"`
}

// RecordStaying is a recording that was proposed and stays.
type RecordStaying struct {
	Recording string   `json:"recording"`
	Reasons   []string `json:"reasons"`
}

// Check says what a record tells that must not be: that one person alone did it, or too early, or in a wrong order. A
// record of this program never does.
func (r DisposalRecord) Check() error {
	if r.Format != RecordFormat {
		return fmt.Errorf("%q is not the format of a disposal record", r.Format)
	}
	if r.Proposed.User == "" || r.Approved.User == "" || r.Proposed.User == r.Approved.User {
		return errors.New("it was not approved by a second person")
	}
	if r.Approved.At.Before(r.Proposed.At) || r.Approved.At.After(r.HoldsUntil) {
		return errors.New("it was approved before it was proposed, or after the proposal had lapsed")
	}
	for _, d := range r.Destroyed {
		steps := []time.Time{d.RetainUntil, d.TombstoneAt, d.ObjectGoneAt, d.CopyGoneAt, d.ErasedAt, r.EndedAt}
		for i := 1; i < len(steps); i++ {
			if steps[i].IsZero() || steps[i].Before(steps[i-1]) {
				return fmt.Errorf("recording %s: destroyed before its date, or in a wrong order", d.Recording)
			}
		}
		switch {
		case d.TombstoneAt.Before(r.Approved.At) || d.TombstoneAt.After(r.HoldsUntil):
			return fmt.Errorf("recording %s: begun before the approval, or after the proposal had lapsed", d.Recording)
		case d.SHA256 == "" || d.CopySHA256 != d.SHA256:
			return fmt.Errorf("recording %s: the second copy was not the recording", d.Recording)
		case d.CopyVerifiedAt.After(d.TombstoneAt) || d.TombstoneAt.Sub(d.CopyVerifiedAt) > time.Hour:
			return fmt.Errorf("recording %s: the second copy was not read right before", d.Recording)
		}
	}
	return nil
}
