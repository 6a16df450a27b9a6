package detectors

import "github.com/speechqa/speechqa/lexicon"

// Severity orders rules by what a violation costs; points per severity live in scoring.yaml.
type Severity string

// Severities, mild to fatal in effect; whether a rule is fatal (一票否决) is said in scoring.yaml.
const (
	SeverityInfo     Severity = "info" // a signal, not a violation
	SeverityMinor    Severity = "minor"
	SeverityMajor    Severity = "major"
	SeverityCritical Severity = "critical"
)

// Finding is one hit of one rule, with what a person needs to check it.
type Finding struct {
	Key         string   `json:"key"` // see FindingKey; survives a rescan
	Rule        string   `json:"rule"`
	RuleVersion int      `json:"rule_version"`
	Severity    Severity `json:"severity"`
	// Turn is the utterance's index; -1 for findings about the whole recording.
	Turn int `json:"turn"`
	// ByteStart and ByteEnd delimit Quote in the utterance's original text.
	ByteStart int     `json:"byte_start"`
	ByteEnd   int     `json:"byte_end"`
	Quote     string  `json:"quote"` // exact substring of the utterance; empty when Turn is -1
	Start     float64 `json:"start"` // seconds from the start of the recording
	End       float64 `json:"end"`   // seconds
	Term      string  `json:"term"`  // the phrase of the rule that matched
	How       string  `json:"how"`   // exact | homophone | slots | fact | model | contacts | llm
	// Confidence is 0..1. Doubtful findings are listed for a person to hear and never scored.
	Confidence float64 `json:"confidence"`
	Doubtful   bool    `json:"doubtful,omitempty"`
	Shadow     bool    `json:"shadow,omitempty"` // from a shadow rule: recorded, not scored
	Why        string  `json:"why"`              // why it counts and why no exception applied; Chinese
	Slots      []Slot  `json:"slots,omitempty"`  // for opening and closing rules
	// Related are the recordings that show it together, for rules about several; the recording itself is one of them
	// where it counts.
	Related []Related `json:"related,omitempty"`
}

// HowLLM marks the second opinion of a language model; such findings are always doubtful.
const HowLLM = "llm"

// Slot is one element an opening or a closing must contain.
type Slot struct {
	Name  string `json:"name"`
	Title string `json:"title"` // Chinese
	Heard bool   `json:"heard"`
	Turn  int    `json:"turn,omitempty"`
	Quote string `json:"quote,omitempty"` // where it was heard
}

// Result is the outcome of inspecting one conversation.
type Result struct {
	Score         int               `json:"score"` // 100 = nothing found, 0 = worst
	Fatal         bool              `json:"fatal"` // a fatal rule (一票否决) hit with certainty
	Findings      []Finding         `json:"findings"`
	Slots         map[string][]Slot `json:"slots,omitempty"` // per slots-rule, also when nothing is missing
	RulesetHash   string            `json:"ruleset_hash"`
	EngineVersion string            `json:"engine_version"`
	// Profile is the principal's policy that was in force, as name/version; "" where nothing special was.
	Profile string `json:"profile,omitempty"`
	// Scoring is what the findings were graded by.
	Scoring *lexicon.Scoring `json:"-"`
}
