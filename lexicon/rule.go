package lexicon

// Status says what a rule's findings are worth.
type Status string

// Statuses of a rule.
const (
	StatusDraft   Status = "draft"   // loaded and tested, never run on recordings
	StatusShadow  Status = "shadow"  // runs; findings are recorded, not scored
	StatusLive    Status = "live"    // runs and scores
	StatusRetired Status = "retired" // kept for the record, not run
)

// RuleKind is how a rule finds: each kind is code, each rule of a kind is data.
type RuleKind string

// Kinds of rules.
const (
	KindPhrase     RuleKind = "phrase"     // patterns in what one side says, with exceptions
	KindSlots      RuleKind = "slots"      // elements an opening or a closing must contain
	KindDisclosure RuleKind = "disclosure" // patterns that are forbidden while a third party listens
	KindFacts      RuleKind = "facts"      // measurements of the recording: hours, gaps, durations, counts
)

// Basis is the regulation a rule rests on.
type Basis struct {
	Doc   string `json:"doc"`
	Quote string `json:"quote"`
}

// Rule is one rule file.
type Rule struct {
	ID       string
	Version  int
	Status   Status
	Kind     RuleKind
	Title    map[string]string // zh, en
	About    string            // one paragraph for people
	Severity string            // info | minor | major | critical; points live in scoring.yaml
	Speaker  string            // agent | customer | any: whose words can violate
	// Recordings lists the conversation kinds the rule applies to; empty means all.
	Recordings []string
	Basis      []Basis

	Match  []*Alternative        // any one suffices (phrase, disclosure)
	Unless []*Exception          // apply to every alternative
	Model  ModelUse              // kinds phrase and disclosure
	Slots  map[string]*SlotsSpec // kind slots: by conversation kind
	Fact   *FactSpec             // kind facts

	Contacts *ContactsSpec // kind contacts

	Flag []Example
	Pass []Example

	File string
	Line int
}

// Alternative is one way to break a rule.
type Alternative struct {
	Name       string
	Say        []*Pattern // any one suffices
	Confidence float64    // 0..1, of an exact match
	Sound      bool       // matching by sound allowed
	Needs      []*Condition
	Unless     []*Exception
	Ignore     []string // names of rule-level exceptions that do not apply here
	Line       int
}

// Condition must hold beside the pattern. Exactly one of its questions is asked; Not inverts the answer.
type Condition struct {
	Not       bool
	Listener  []string // debtor | third_party | unknown: who hears the utterance
	Callee    []string // metadata
	Relation  []string // metadata
	Said      []*Pattern
	By        string // agent | customer | any: whose words Said looks at
	Before    int    // Said, Found: how many utterances back
	After     int    // Said: how many utterances ahead
	Found     string // id of a rule with a finding nearby, "self" for the rule itself
	First     int    // within the first N utterances
	Last      int    // within the last N utterances
	FirstSecs float64
	LastSecs  float64
	Fact      string // name of a fact with Over/Under
	Over      *float64
	Under     *float64
	Line      int
}

// Where says where an exception's words must stand in relation to the match.
type Where string

// Places of an exception.
const (
	WhereBefore    Where = "before"    // ends within N characters before the match (or the named element)
	WhereAfter     Where = "after"     // starts within N characters after it
	WhereInside    Where = "inside"    // lies within the match
	WhereAround    Where = "around"    // before, inside or after
	WhereSentence  Where = "sentence"  // in the same sentence
	WhereUtterance Where = "utterance" // in the same utterance
	WherePrevious  Where = "previous"  // in the other side's last utterances
	WhereNext      Where = "next"      // in the utterances that follow
	WhereAnywhere  Where = "anywhere"  // anywhere in the conversation
)

// Exception is a named reason why a match does not count.
type Exception struct {
	Name   string
	Words  []*Pattern
	Where  Where
	Within int    // characters for before/after/around; utterances for previous/next
	Of     string // name of the pattern element the distance is measured from; empty = the whole match
	Cross  bool   // before/after/around may cross a comma; never a sentence end
	By     string // previous/next/anywhere: agent | customer | any
	File   string
	Line   int
}

// SlotsSpec describes an opening or a closing.
type SlotsSpec struct {
	Part         string // opening | closing
	Turns        int    // how many of the speaker's utterances belong to the part
	AllowMissing int    // a violation starts above this many missing slots
	Slots        []SlotSpec
	Excused      []*Exception // when the customer hangs up and the like
}

// SlotSpec is one element.
type SlotSpec struct {
	Name   string
	Title  string
	Say    []*Pattern
	Unless []*Exception
	VoidBy []string // rules whose finding in the same utterance voids the slot (false identity)
	Line   int
}

// FactSpec is the question of a facts rule.
type FactSpec struct {
	Hours       string  // name of a calling-hours profile: outside it is a violation
	Gap         float64 // seconds: an interruption at least this long
	GapReasons  []string
	Cuts        bool     // also steps in the wave, however short, as doubtful: a splice takes no time
	Holds       []string // kinds in which the exchange blanks the sound of somebody on hold: digital silence is doubtful there
	Value       string   // name of a measurement in Facts.Values, or "duration"
	Over, Under *float64
	Why         string // sentence with %v for the value
}

// Line is what one side says in an example.
type Line struct {
	Speaker string
	Text    string
}

// Example is a test of a rule and a part of its explanation.
type Example struct {
	Say      []Line
	Quote    string            // flag: must meet the finding's quote
	Because  string            // pass: name of the exception that applies; empty = no pattern matches
	Meta     map[string]string // kind, callee, relation, principal, at
	Facts    map[string]float64
	Contacts []ExampleContact // kind contacts: what came one after the other; the last one is judged
	File     string
	LineNo   int
	IsFlag   bool
	Optional string // note
}

// HoursProfile is when people may be contacted.
type HoursProfile struct {
	Name    string
	Version int
	Title   string
	From    int // minutes after midnight, inclusive
	To      int // minutes after midnight, inclusive
	Offset  int // minutes east of UTC
	Kinds   []string
}

// ListenerSpec finds out who is on the line from what is said.
type ListenerSpec struct {
	ThirdParty []Evidence
	Debtor     []Evidence
	Handover   []Evidence // another person comes to the phone
	Recorder   []Evidence // spoken to the recorder, not to a person
}

// Evidence is one kind of sentence that shows who is listening.
type Evidence struct {
	Name   string
	By     string // agent | customer
	Say    []*Pattern
	After  []*Pattern // the other side's last utterance must match one of these
	Unless []*Exception
	Weight float64
	Line   int
}

// Scoring turns findings into 0..100.
type Scoring struct {
	Start  int
	Points map[string]int // by severity
	Rules  map[string]RulePoints
}

// RulePoints overrides the severity's points for one rule.
type RulePoints struct {
	Points int // 0 = take the severity's
	Cap    int // at most this many points per recording; 0 = no cap
	Fatal  bool
}

// Ruleset is a loaded directory of rules.
type Ruleset struct {
	Name     string
	Version  string
	Hash     string // SHA-256 over all files, hex
	Shared   string // the same over those files that judging several recordings together goes by
	Rules    []Rule // by id
	Lists    map[string]*List
	Listener *ListenerSpec
	Hours    map[string]HoursProfile
	// Frequency are the profiles of contacts.yaml, Policies those of profiles.yaml, Clauses those of clauses.yaml; all
	// three files may be missing.
	Frequency map[string]FrequencyProfile
	Policies  []Policy
	Clauses   []Clause
	Model     *Model // nil without model.txt
	Scoring   Scoring
	Warnings  []string

	policyOf  map[string]*Policy // by principal
	clausesOf map[string][]Clause
}

// Rule returns the rule with the id.
func (rs *Ruleset) Rule(id string) (*Rule, bool) {
	for i := range rs.Rules {
		if rs.Rules[i].ID == id {
			return &rs.Rules[i], true
		}
	}
	return nil, false
}
