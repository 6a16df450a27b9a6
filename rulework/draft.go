package rulework

import (
	"maps"
	"time"
)

// Draft is a working copy of a version, in the editor.
type Draft struct {
	ID        string
	Title     string
	Base      int64
	Files     map[string]string // changed files, whole
	Author    string            // display name
	Editors   []string          // ids of everybody who saved something
	Changes   int64             // optimistic lock
	CreatedAt time.Time
	ChangedAt time.Time
}

// Over gives the files of the draft over those of its base.
func (d Draft) Over(base map[string][]byte) map[string][]byte {
	out := maps.Clone(base)
	for p, text := range d.Files {
		out[p] = []byte(text)
	}
	return out
}

// Proposal is a decision that somebody proposes as an example of a rule.
type Proposal struct {
	ID        int64
	Rule      string
	Kind      string // ExampleFlag or ExamplePass
	Text      string // masked
	Quote     string
	Reason    string // code of why the finding was overturned
	Recording string // empty once it was disposed of
	Finding   string // key
	By        string // display name
	At        time.Time
}

// Quality is what people decided about the findings of one version of a rule.
type Quality struct {
	Rule       string
	Number     int       // the rule's own version; 0: not known, and Version stands for it
	Version    int64     // the last of the rulesets with it that people judged; 0: not in the database
	Since      time.Time // when the first of them became live
	Live       bool
	Confirmed  int
	Overturned int
}

// Judged is how many were decided.
func (q Quality) Judged() int { return q.Confirmed + q.Overturned }

// Overturn is the share that was overturned.
func (q Quality) Overturn() Share { return ShareOf(q.Overturned, q.Judged()) }

// TermQuality is what people decided about the findings of one term of a rule.
type TermQuality struct {
	Rule       string
	Term       string
	Confirmed  int
	Overturned int
	Reasons    []ReasonCount // why overturned, most frequent first
}

// Precision is the share that was confirmed.
func (q TermQuality) Precision() Share { return ShareOf(q.Confirmed, q.Confirmed+q.Overturned) }

// ReasonCount is how often findings were overturned for a reason.
type ReasonCount struct {
	Reason string
	Count  int
}
