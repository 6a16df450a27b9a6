package custody

import (
	"errors"
	"time"

	"github.com/speechqa/speechqa/pipeline"
)

// Years that recordings are kept, from the day of the contact. The database knows the floor, too.
const (
	MinYears     = 3
	MaxYears     = 100
	DefaultYears = 5
)

// Errors that callers tell apart.
var (
	ErrShorter = errors.New("retention can be extended, not shortened")
	ErrTerm    = errors.New("recordings are kept for 3 to 100 years")
	ErrScope   = errors.New("a hold needs a recording, a case, an agent or dates, and a reason and an owner")
)

// Actor is who does something, for the audit log.
type Actor struct {
	ID     string // user id; empty for a process or a command
	Name   string // log-in name, or what the command was told
	Origin string // network address; empty for a process
}

// LockMode is how strictly the store keeps an object until its date.
type LockMode string

// Lock modes, as S3 names them.
const (
	Compliance LockMode = "COMPLIANCE" // nobody can delete or shorten, not even the store's root account
	Governance LockMode = "GOVERNANCE" // an account with the bypass permission can; this program never asks to
)

// Locking says how far a bucket can protect what lies in it.
type Locking struct {
	Versions bool // overwriting and deleting leave the old version
	Locks    bool // a version can be locked until a date and held
}

// Kept is how the store keeps one version.
type Kept struct {
	Mode  LockMode // empty: not locked
	Until time.Time
	Held  bool
}

// Term is how long a principal's recordings are kept; the principal "" stands for all without a term of their own.
type Term struct {
	Principal string
	Years     int
}

// Hold keeps recordings whatever their date. What it names is joined by "and"; at least one thing is named.
type Hold struct {
	ID        string
	Recording string // id
	CaseID    string
	AgentID   string
	From, To  time.Time // of the contact; From inclusive, To exclusive; zero: open
	Reason    string
	Owner     string // who answers for it
	By        string // log-in name of who placed it
	At        time.Time

	ReleasedAt    time.Time // zero: in force
	ReleasedBy    string
	ReleaseReason string
	Matches       int64 // recordings it keeps
}

// Bucket is what was found out about a bucket's protection.
type Bucket struct {
	Name string
	Locking
	CheckedAt time.Time
}

// Custody is how one recording is kept.
type Custody struct {
	RecordedAt  time.Time // of the contact
	RetainUntil time.Time
	LockedUntil time.Time // in the store; zero: not locked
	Mode        LockMode
	Held        bool      // a hold is in force
	SHA256      string    // hex; empty until somebody has read the object
	CheckedAt   time.Time // when it was last read against that; zero: never
	Problem     string    // what was wrong; empty where nothing was
}

// Due is a recording whose protection in the store is not yet as the database wants it.
type Due struct {
	ID          string
	Object      pipeline.Object
	RetainUntil time.Time
	LockedUntil time.Time // as the store confirmed; zero: never
	Held        bool      // a hold is in force
	HeldThere   bool      // the store was told of one
	Token       time.Time // tells this state of the wish from later ones
}

// Done is what became of a Due.
type Done struct {
	Due
	LockedUntil time.Time
	Mode        LockMode
	HeldThere   bool
	Problem     string // a sentence; empty where all is as wanted
	Again       bool   // it is to be tried again
}
