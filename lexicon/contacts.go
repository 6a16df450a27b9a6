package lexicon

// KindContacts is the kind of rules that look at several recordings: how often somebody was contacted, and after what.
const KindContacts RuleKind = "contacts"

// ContactsSpec is the question of a contacts rule. Exactly one of Frequency, After, Hours and Same is asked.
type ContactsSpec struct {
	Frequency bool     // more contacts than the frequency profile in force allows
	After     []string // a contact after one of these rules was met in an earlier recording of the case or the number
	Hours     bool     // several attempts outside the calling hours in force
	Same      []string // one agent breaks one of these rules with several debtors

	Days     int     // how many calendar days, the contact's own included, count
	Attempts int     // Hours: from so many on
	Short    float64 // Hours: only attempts of at most so many seconds; 0 is any
	Debtors  int     // Same: from so many on
	Doubtful bool    // a person must look at it first
}

// FrequencyProfile is how often people may be contacted: the company's rule, a regulator's, a bank's.
type FrequencyProfile struct {
	Name    string
	Version int
	Title   string
	Offset  int // minutes east of UTC: whose calendar days count
	Limits  []ContactLimit
}

// ContactLimit allows at most Most contacts with one party within Days calendar days.
type ContactLimit struct {
	Name  string   // the reason people see
	Who   string   // debtor | third_party | anyone
	Per   string   // number | case
	Count string   // all | answered | unanswered
	After []string // counts only what followed a contact in which one of these rules was met; "answered": in which somebody spoke
	// AfterUnanswered counts only what followed so many contacts in a row in which nobody spoke; 0: no such condition.
	AfterUnanswered int
	Most            int
	Days            int
	Line            int
}

// Follows says whether the limit counts only what followed something.
func (l *ContactLimit) Follows() bool { return len(l.After) > 0 || l.AfterUnanswered > 0 }

// AnsweredContact stands, among the rules a ContactLimit follows, for a contact in which somebody spoke.
const AnsweredContact = "answered"

// ExampleContact is one contact of a contacts rule's example.
type ExampleContact struct {
	Day        int // 1 is the first
	Minute     int // of the day
	ThirdParty bool
	Unanswered bool
	Seconds    float64
	Agent      string
	Case       string
	Number     string
	Met        []string // rules that were met in it
}
