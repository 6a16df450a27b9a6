package custody

import (
	"errors"
	"strings"
	"time"

	"github.com/speechqa/speechqa/pipeline"
)

// Errors of disposals that callers tell apart.
var (
	ErrSamePerson  = errors.New("a disposal is approved by another person than the one who proposed it")
	ErrNothingDue  = errors.New("nothing is past its date that could be destroyed")
	ErrDecided     = errors.New("the disposal was decided already, or has lapsed")
	ErrProposal    = errors.New("a proposal needs a reason and a day at most 90 days from now until which it holds")
	ErrHeld        = errors.New("it is to be kept: a legal hold, or a later date")
	ErrNoSigner    = errors.New("no signing key is configured (SPEECHQA_SIGNING_KEY_FILE): nothing is destroyed without a signed record")
	ErrNoSecond    = errors.New("no second store is configured (SPEECHQA_COPY_BUCKET): nothing is destroyed without reading its copy again")
	ErrElsewhere   = errors.New("another process is carrying out disposals")
	ErrOutOfWindow = errors.New("disposals run only in the off-peak window (SPEECHQA_DISPOSAL_WINDOW)")
)

// Bounds of a proposal.
const (
	MaxProposalDays = 90
	MaxBatch        = 10000 // recordings
)

// Objections are what stands against destroying a recording, as codes of the database's disposal_objections.
type Objections []string

// Error is part of error.
func (o Objections) Error() string { return "it is not to be destroyed: " + strings.Join(o, ", ") }

// ObjectionCodes lists all codes that a recording can stay for: those of the database's disposal_objections, and what
// becomes of a batch.
var ObjectionCodes = []string{"date", "hold", "lock", "work", "review", "sample", "appeal", "disposition", "hash", "damaged", "copy",
	"refused", "withdrawn", "lapsed"}

// Objections that are not the database's.
const (
	ObjectionCopy   = "copy"
	ObjectionLapsed = "lapsed"
)

// DisposalState is where a batch stands.
type DisposalState string

// States of a batch.
const (
	DisposalProposed  DisposalState = "proposed"
	DisposalApproved  DisposalState = "approved" // or under way
	DisposalRefused   DisposalState = "refused"
	DisposalWithdrawn DisposalState = "withdrawn"
	DisposalLapsed    DisposalState = "lapsed"
	DisposalDone      DisposalState = "done"
)

// DisposalStates are all of them.
var DisposalStates = []DisposalState{DisposalProposed, DisposalApproved, DisposalRefused, DisposalWithdrawn, DisposalLapsed, DisposalDone}

// ItemState is how far a recording of a batch has come.
type ItemState string

// States of an item, in their order.
const (
	ItemWaiting    ItemState = "waiting"
	ItemTombstoned ItemState = "tombstoned"  // the tombstone is there; nothing is gone yet
	ItemObjectGone ItemState = "object_gone" // the object is destroyed
	ItemCopyGone   ItemState = "copy_gone"   // and its second copy
	ItemDone       ItemState = "done"        // and what was said and written about it
	ItemStays      ItemState = "stays"       // it was not destroyed, for the reasons given
)

// ItemStates are all of them.
var ItemStates = []ItemState{ItemWaiting, ItemTombstoned, ItemObjectGone, ItemCopyGone, ItemDone, ItemStays}

// Person is a user who proposes or decides.
type Person struct {
	Actor
	Role string
}

// Proposal says what is to be destroyed, and why.
type Proposal struct {
	Why        string
	HoldsUntil time.Time // after that it is not approved, and nothing more of it is begun
	Before     time.Time // only contacts before then; zero: all that are past their date
	Principal  string    // only of this one; empty: of all
	Limit      int       // at most so many recordings; 0 is MaxBatch
}

// Disposal is a batch.
type Disposal struct {
	ID         string
	Why        string
	HoldsUntil time.Time
	State      DisposalState
	ProposedBy string // log-in name
	ProposedAt time.Time
	Proposer   string // user id
	DecidedBy  string
	DecidedAt  time.Time // zero: not yet
	Note       string    // of who decided
	EndedAt    time.Time // zero: not yet
	Recordings int64
	Bytes      int64
	Counts     map[ItemState]int64
	Reasons    map[string]int64 // of those that stay, by code
	Problems   int64            // items whose last try failed
}

// Destroyed says of how many recordings at least the object is gone.
func (d Disposal) Destroyed() int64 {
	return d.Counts[ItemObjectGone] + d.Counts[ItemCopyGone] + d.Counts[ItemDone]
}

// Waiting are recordings of which nothing is begun, Staying those that were not destroyed.
func (d Disposal) Waiting() int64 { return d.Counts[ItemWaiting] }

// Staying is described at Waiting.
func (d Disposal) Staying() int64 { return d.Counts[ItemStays] }

// DisposalRow is an item with what is known of its recording.
type DisposalRow struct {
	Recording   string
	Key         string // bucket/key; after the disposal without what the name said
	RecordedAt  time.Time
	RetainUntil time.Time
	Size        int64
	CopyAt      time.Time // when the second copy was last read and found well; zero: it is not
	State       ItemState
	Reasons     []string
	Problem     string
}

// DisposalItem is a recording on its way out.
type DisposalItem struct {
	Disposal  string
	Recording string
	State     ItemState
	Object    pipeline.Object
	Copy      pipeline.Object
	Former    []pipeline.Object // damaged versions of it, for which the right one was put back
	Sidecar   string            // key of the metadata beside the object; empty while another version of the object needs it
	Lapsed    bool              // the batch's time is over: what is not begun stays
}
