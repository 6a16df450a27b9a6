package detectors

import "time"

// Kind is the sort of contact a recording holds.
type Kind string

// The two kinds of contact the company's rules know.
const (
	KindCall  Kind = "call"  // telephone call (电话催收)
	KindVisit Kind = "visit" // field visit (外访)
)

// Speaker is the role of whoever says an utterance.
type Speaker string

// Roles. Customer is everybody who is not on the collector's side; Unknown is a voice nobody could place.
const (
	SpeakerAgent    Speaker = "agent"
	SpeakerCustomer Speaker = "customer"
	SpeakerUnknown  Speaker = "unknown"
)

// Word is a span of an utterance's text with its place in time.
type Word struct {
	Start      int     `json:"start"`      // byte offset in Utterance.Text
	End        int     `json:"end"`        // byte offset after the last byte
	From       float64 `json:"from"`       // seconds from the start of the recording
	To         float64 `json:"to"`         // seconds from the start of the recording
	Confidence float64 `json:"confidence"` // 0..1
}

// Utterance is one uninterrupted piece of speech of one speaker.
type Utterance struct {
	Speaker    Speaker `json:"speaker"`
	Channel    int     `json:"channel"` // 0-based audio channel; 0 where the audio is mono or unknown
	Start      float64 `json:"start"`   // seconds from the start of the recording
	End        float64 `json:"end"`     // seconds; 0 together with Start means "no times known"
	Text       string  `json:"text"`
	Confidence float64 `json:"confidence"` // 0..1 mean token probability; 0 means unknown
	// SpeakerConfidence is how sure Speaker is, 0..1; 0 means unknown and counts as certain, because
	// labelled dialogues and manual corrections carry none. Below SpeakerCertain a finding is doubtful.
	SpeakerConfidence float64 `json:"speaker_confidence,omitempty"`
	Words             []Word  `json:"words,omitempty"`
}

// SpeakerCertain is the speaker confidence from which a role is believed.
const SpeakerCertain = 0.75

// Metadata is what the dialer, the object store or the labeller knows about a recording.
type Metadata struct {
	AgentID   string            `json:"agent_id,omitempty"`
	AgentName string            `json:"agent_name,omitempty"`
	Team      string            `json:"team,omitempty"`
	Principal string            `json:"principal,omitempty"` // commissioning bank and product
	CaseID    string            `json:"case_id,omitempty"`
	Phone     string            `json:"phone,omitempty"`    // number called, as the dialer writes it
	Callee    string            `json:"callee,omitempty"`   // debtor | third_party | unknown
	Relation  string            `json:"relation,omitempty"` // self, spouse, parent, child, friend, colleague, neighbor, property_manager, unknown
	StartedAt time.Time         `json:"started_at,omitzero"`
	Duration  float64           `json:"duration,omitempty"` // seconds as the dialer or the camera states them; 0 = not stated
	Extra     map[string]string `json:"extra,omitempty"`
}

// Reasons of gaps.
const (
	GapDigitalSilence   = "digital_silence"   // no sound at all, not even noise, on all channels
	GapDiscontinuity    = "discontinuity"     // the wave jumps: Start and End are the same moment
	GapDurationMismatch = "duration_mismatch" // the recording ends before its header or metadata says
)

var gapTitles = map[string]string{GapDigitalSilence: "数字静音", GapDurationMismatch: "比登记的时长短"}

// Gap is a stretch in which the recording was interrupted.
type Gap struct {
	Start  float64 `json:"start"` // seconds
	End    float64 `json:"end"`   // seconds
	Reason string  `json:"reason"`
}

// Facts are measurements that rules may use as conditions; the pipeline supplies them.
type Facts struct {
	Duration float64            `json:"duration,omitempty"` // seconds; 0 = unknown
	Gaps     []Gap              `json:"gaps,omitempty"`
	Values   map[string]float64 `json:"values,omitempty"` // e.g. contacts_7d; from the store
}

// Conversation is everything the detectors see of one recording.
type Conversation struct {
	ID         string      `json:"id"`
	Kind       Kind        `json:"kind"`
	Metadata   Metadata    `json:"metadata"`
	Facts      Facts       `json:"facts,omitzero"`
	Utterances []Utterance `json:"utterances"`
}
