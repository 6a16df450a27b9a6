package postgres_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/lexicon"
	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/storage/postgres"
)

func rulesEngine(t *testing.T) *detectors.Engine {
	t.Helper()
	rs, err := lexicon.LoadDefault()
	if err != nil {
		t.Fatal(err)
	}
	e, err := detectors.New(rs)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// call is a contact as a test describes it.
type call struct {
	name, caseID, phone, agent, callee string
	at                                 time.Time
	answered                           bool
	met                                []string
}

func (c call) found() pipeline.Found {
	f := found(c.name)
	f.Metadata = detectors.Metadata{AgentID: c.agent, Principal: "甲银行", CaseID: c.caseID, Phone: c.phone, Callee: c.callee, StartedAt: c.at}
	return f
}

func (c call) findings() []detectors.Finding {
	var out []detectors.Finding
	for i, rule := range c.met {
		out = append(out, finding(rule, float64(i)))
	}
	return out
}

// arrive brings a call from its discovery to its inspection.
func (b *bed) arrive(c call) string {
	b.t.Helper()
	id := b.discovered(c.found())
	r := b.begin(id, pipeline.StepTranscribe)
	t := transcript("您好", c.name)
	t.Audio.Duration = 12
	if c.answered {
		t.Transcript.Utterances = append(t.Transcript.Utterances, detectors.Utterance{Speaker: detectors.SpeakerCustomer, Start: 3, End: 4, Text: "喂"})
	}
	b.noError(b.CommitTranscript(b.t.Context(), id, r.Attempt, t))
	b.inspectedBy(id, "rules-1", 100, c.findings()...)
	return id
}

// follow sees to all that is due.
func (b *bed) follow(rules postgres.Across) {
	b.t.Helper()
	for {
		n, err := b.FollowContacts(b.t.Context(), rules, 7)
		b.noError(err)
		if n == 0 {
			break
		}
	}
	if left := b.query(`SELECT count(*) FROM contacts_due`)[0]; left != "0" {
		b.t.Fatalf("%s changes are left", left)
	}
}

// across are the findings about several recordings as stored: recording, rule, name and the recordings that show it.
func (b *bed) across() []string {
	rows := b.query(`SELECT concat_ws(' ', recording, rule, finding ->> 'term', shadow, (SELECT string_agg(x ->> 'recording', ',' ORDER BY n)
		FROM jsonb_array_elements(finding -> 'related') WITH ORDINALITY AS e (x, n))) FROM findings WHERE across AND current ORDER BY 1`)
	for i := range rows {
		rows[i] = strings.Trim(rows[i], `"`)
	}
	return rows
}

func describe(id string, f detectors.Finding) string {
	var ids []string
	for _, r := range f.Related {
		ids = append(ids, r.Recording)
	}
	shadow := "f"
	if f.Shadow {
		shadow = "t"
	}
	return strings.Join([]string{id, f.Rule, f.Term, shadow, strings.Join(ids, ",")}, " ")
}

// TestContactsInAnyOrder: whatever the order in which recordings arrive, are inspected again and are judged, the findings
// about several are those that all recordings together give.
func TestContactsInAnyOrder(t *testing.T) {
	rules := rulesEngine(t)
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { contactsInAnyOrder(t, rules, seed) })
	}
}

func contactsInAnyOrder(t *testing.T, rules *detectors.Engine, seed uint64) {
	b := newBed(t)
	b.exec(`ALTER TABLE findings DISABLE TRIGGER findings_kept`) // judged ones are deleted below, as only the owner can
	clerk := b.user("clerk")
	rnd := rand.New(rand.NewPCG(seed, 8))
	calls := randomCalls(rnd, 28)
	rnd.Shuffle(len(calls), func(i, j int) { calls[i], calls[j] = calls[j], calls[i] })
	ids := make([]string, len(calls))
	for i := range calls {
		ids[i] = b.arrive(calls[i])
		if rnd.IntN(3) == 0 {
			b.follow(rules)
		}
		// An earlier one is inspected again with another outcome, or a person overturns what was found in it.
		switch k := rnd.IntN(i + 1); {
		case rnd.IntN(5) == 0:
			calls[k].met = randomMet(rnd)
			b.exec(fmt.Sprintf(`UPDATE recordings SET state = 'transcribed' WHERE id = '%s'; DELETE FROM findings WHERE recording = '%s' AND verdict <> 'open'`, ids[k], ids[k]))
			b.inspectedBy(ids[k], "rules-2", 100, calls[k].findings()...)
		case rnd.IntN(5) == 0 && len(calls[k].met) > 0:
			v, err := b.Review(t.Context(), ids[k])
			b.noError(err)
			rule := calls[k].met[0]
			b.noError(b.Decide(t.Context(), postgres.Decision{RecordingID: ids[k], FindingKey: rule + "-key", Verdict: postgres.VerdictOverturned,
				Reason: "context", UserID: clerk, Version: v.Version}, tenEach))
			calls[k].met = calls[k].met[1:]
		}
	}
	b.follow(rules)

	var all []detectors.Contact
	for i, c := range calls {
		k := detectors.Contact{Recording: ids[i], Kind: detectors.KindCall, At: c.at, Principal: "甲银行", Case: c.caseID,
			Number: detectors.PhoneKey(c.phone), Agent: c.agent, ThirdParty: c.callee == "third_party", Answered: c.answered, Duration: 12}
		for _, rule := range c.met {
			k.Met = append(k.Met, detectors.Met{Rule: rule, Quote: "话"})
		}
		all = append(all, k)
	}
	var want []string
	kinds := map[string]bool{}
	for id, fs := range rules.Across(all, ids) {
		for _, f := range fs {
			want = append(want, describe(id, f))
			kinds[f.Rule] = true
		}
	}
	slices.Sort(want)
	got := b.across()
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Fatalf("stored\n%s\nall together\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if len(kinds) < 3 {
		t.Errorf("only %d kinds of findings: %v", len(kinds), kinds)
	}
	if drift, err := b.CheckFigures(t.Context()); err != nil || len(drift) > 0 {
		t.Errorf("figures differ: %v %v", drift, err)
	}
}

func randomCalls(rnd *rand.Rand, n int) []call {
	var out []call
	for i := range n {
		out = append(out, call{
			name: fmt.Sprintf("call-%d", i), caseID: []string{"c1", "c2", "c3", ""}[rnd.IntN(4)],
			phone: []string{"13800000001", "+86 138-0000-0001", "013800000002", "13800000003", "138****0001", ""}[rnd.IntN(6)],
			agent: []string{"a1", "a2"}[rnd.IntN(2)], callee: []string{"debtor", "third_party"}[rnd.IntN(2)],
			at: time.Date(2026, 3, 1, 0, 0, i, 0, time.UTC).Add(time.Duration(rnd.IntN(12*24)) * time.Hour), answered: rnd.IntN(2) == 0, met: randomMet(rnd)})
	}
	return out
}

func randomMet(rnd *rand.Rand) []string {
	var out []string
	for _, rule := range []string{"threat", "stop_request", "complaint_risk", "displeasure"} {
		if rnd.IntN(4) == 0 {
			out = append(out, rule)
		}
	}
	return out
}

// TestContactsLate: a recording that arrives late makes the next one a finding; the score follows, a decision on it
// survives that the cause goes and comes back, and no inspection removes it.
func TestContactsLate(t *testing.T) {
	b := newBed(t)
	rules := rulesEngine(t)
	at := time.Date(2026, 3, 3, 10, 0, 0, 0, time.UTC)
	second := b.arrive(call{name: "second", caseID: "c1", phone: "13800000001", agent: "a1", callee: "third_party", at: at, answered: true})
	b.follow(rules)
	if got := b.across(); len(got) != 0 {
		t.Fatalf("one call alone: %v", got)
	}
	late := call{name: "first", caseID: "c1", phone: "+8613800000001", agent: "a1", callee: "third_party", at: at.AddDate(0, 0, -1), answered: true}
	first := b.arrive(late)
	b.follow(rules)
	if got := b.across(); len(got) != 1 || !strings.HasPrefix(got[0], second+" excessive_contact ") || !strings.HasSuffix(got[0], first+","+second) {
		t.Fatalf("after the late one: %q", got)
	}
	if score := b.query(`SELECT score FROM recordings WHERE id = $1`, second)[0]; score != "85" {
		t.Errorf("score %s, want 85", score)
	}

	v, err := b.Review(t.Context(), second)
	b.noError(err)
	key := v.Findings[0].Key
	b.noError(b.Decide(t.Context(), postgres.Decision{RecordingID: second, FindingKey: key, Verdict: postgres.VerdictConfirmed, UserID: b.user("judge"), Version: v.Version}, tenEach))
	b.exec(fmt.Sprintf(`UPDATE recordings SET state = 'transcribed' WHERE id = '%s'`, second))
	b.inspectedBy(second, "rules-2", 100)
	if got := b.across(); len(got) != 1 {
		t.Errorf("after another inspection: %q", got)
	}
	b.exec(fmt.Sprintf(`UPDATE recordings SET started_at = started_at - interval '9 days', metadata = jsonb_set(metadata, '{started_at}', '"2026-02-20T10:00:00Z"') WHERE id = '%s'`, first))
	b.follow(rules)
	if got := b.query(`SELECT verdict FROM findings WHERE recording = $1`, second); got[0] != "confirmed" || len(b.across()) != 0 {
		t.Errorf("the cause is gone: %v %v", got, b.across())
	}
	b.exec(fmt.Sprintf(`UPDATE recordings SET started_at = started_at + interval '9 days', metadata = jsonb_set(metadata, '{started_at}', '"2026-03-02T10:00:00Z"') WHERE id = '%s'`, first))
	b.follow(rules)
	if got := b.query(`SELECT verdict FROM findings WHERE recording = $1 AND current`, second); len(got) != 1 || got[0] != "confirmed" {
		t.Errorf("the cause is back: %v", got)
	}

	// Other rules about several recordings judge all of them; the same ones nothing.
	if n, err := b.FollowContacts(t.Context(), rules, 7); n != 0 || err != nil {
		t.Errorf("%d changes, %v", n, err)
	}
	if n, err := b.FollowContacts(t.Context(), otherMark{rules}, 7); n != 2 || err != nil {
		t.Errorf("by other rules %d changes, %v", n, err)
	}
}

// otherMark is rules that say that they are not what they were.
type otherMark struct{ *detectors.Engine }

func (otherMark) AcrossMark() string { return "another" }
