package rulework

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// State is where a version of the ruleset stands.
type State string

// States of a version. Exactly one version is live once anything was recorded.
const (
	StateDraft   State = "draft"   // submitted, waits for a second person
	StateShadow  State = "shadow"  // runs beside the live one on new recordings; only leads see what it would change
	StateLive    State = "live"    // what recordings are inspected by
	StateRetired State = "retired" // was live, or was withdrawn
)

// Origin says how a version came into the database.
type Origin string

// Origins.
const (
	OriginProgram Origin = "program" // built into the program, or the directory it was started with
	OriginImport  Origin = "import"  // speechqa rules import
	OriginEditor  Origin = "editor"  // written in the console
	OriginRetrain Origin = "retrain" // speechqa rules retrain: the model has learnt from decisions
)

// Version is an immutable ruleset in the database.
type Version struct {
	ID    int64  // the number people call it by
	Hash  string // of its files, hex; what findings carry
	Name  string // as ruleset.yaml says
	Label string // its version: there, too
	State State
	From  Origin
	Base  int64  // the version it was made from; 0 for none
	Why   string // what its author wants with it

	Author    string // display name; empty for the program's own
	AuthorID  string
	Editors   []string // ids of everybody who wrote in it: none of them may approve it
	CreatedAt time.Time

	Approver    string // display name of the second person; empty until then
	ApproverID  string
	ApprovedAt  time.Time
	Publisher   string // who made it live the last time; empty for the program
	PublishedAt time.Time
	RetiredAt   time.Time
	Override    string // why it was published though the back-test forbade it
}

// Published says whether the version is or was live.
func (v Version) Published() bool { return !v.PublishedAt.IsZero() }

// Title is how people name the version.
func (v Version) Title() string { return fmt.Sprintf("v%d", v.ID) }

// Actor is who does something to a version, for the record.
type Actor struct {
	UserID string
	Name   string // log-in name
	Origin string // network address; empty for a command
}

// NewVersion is what becomes a version.
type NewVersion struct {
	Files   map[string][]byte
	Name    string
	Label   string
	From    Origin
	Base    int64
	Why     string
	Author  Actor
	Editors []string // further ids
}

// Errors of what may not be done to a version.
var (
	ErrSecondPerson = errors.New("a version must be approved by a second person, not by one who wrote it")
	ErrNotApproved  = errors.New("the version is not approved yet")
	ErrWrongState   = errors.New("the version is not in a state that allows this")
)

// ExistsError says that the same files are a version already.
type ExistsError struct{ Version Version }

func (e *ExistsError) Error() string {
	return fmt.Sprintf("these files are version %d already", e.Version.ID)
}

// BlockedError says why a version may not be published without a reason.
type BlockedError struct{ Blocks []Block }

func (e *BlockedError) Error() string {
	lines := make([]string, len(e.Blocks))
	for i, b := range e.Blocks {
		lines[i] = b.String()
	}
	return "publishing is blocked: " + strings.Join(lines, "; ")
}
