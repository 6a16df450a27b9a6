// Package office makes up the recordings of a large office, for benchmarks: some agents, teams, principals and rules
// far busier than others, as in life. The same numbers always give the same office.
package office

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/speechqa/speechqa/detectors"
)

// Office is how large it is. Everything else follows.
type Office struct {
	Recordings int
	Agents     int       // 400 when 0
	Days       int       // over which the contacts are spread; 730 when 0
	Until      time.Time // the last of them
}

func (o Office) agents() int { return or(o.Agents, 400) }
func (o Office) days() int   { return or(o.Days, 730) }

func or(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

var (
	surnames   = []string{"王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙", "胡", "朱", "高", "林", "何", "郭", "马", "罗"}
	givenNames = []string{"伟", "芳", "娜", "秀英", "敏", "静", "丽", "强", "磊", "军", "洋", "勇", "艳", "杰", "娟", "涛", "明", "超", "秀兰", "霞"}
	principals = []string{"华远银行信用卡", "东江银行信用卡", "北辰消费金融", "汇通银行个贷", "海山银行信用卡", "金穗农商行", "明泰小贷", "恒信消金", "长青银行信用卡", "永安银行个贷", "新港银行", "和润租赁"}
	// rules with their severity, their share of the findings and how often they are overturned.
	rules = []struct {
		id         string
		severity   detectors.Severity
		share      float64
		overturned float64
	}{
		{"missing_opening", detectors.SeverityMinor, .30, .08}, {"missing_closing", detectors.SeverityMinor, .22, .06},
		{"third_party_disclosure", detectors.SeverityCritical, .12, .22}, {"threat", detectors.SeverityCritical, .09, .15},
		{"unauthorized_waiver", detectors.SeverityCritical, .07, .3}, {"private_channel", detectors.SeverityMajor, .06, .1},
		{"insult", detectors.SeverityCritical, .05, .12}, {"deception", detectors.SeverityMajor, .04, .45},
		{"incite_complaint", detectors.SeverityMajor, .02, .2}, {"private_payment", detectors.SeverityCritical, .015, .1},
		{"impersonation", detectors.SeverityCritical, .01, .25}, {"cash_out_inducement", detectors.SeverityCritical, .005, .2},
	}
	agentSays = []string{
		"您好，请问是%s本人吗？我是受银行委托的工作人员，本次通话将被录音。", "您在我行的信用卡已经逾期%d天，欠款金额%d元。", "请问您什么时候可以处理这笔欠款？",
		"您看今天下午三点之前能不能先还%d元？", "逾期会影响您的征信记录，请尽快安排还款。", "我这边可以帮您向银行申请分期，以银行审批为准。",
		"好的，我记录一下，您承诺%d号之前还款，对吗？", "请保持电话畅通，稍后我们会再联系您。", "感谢您的接听，祝您生活愉快，再见。", "您家里人知道这件事吗？请您自己尽快处理。",
	}
	customerSays = []string{
		"是我，什么事？", "我现在手头比较紧，能不能宽限几天？", "我最近失业了，没有收入。", "知道了，我月底发工资就还。", "你们别老是打电话过来，我在上班。",
		"我不是不还，是真的没有钱。", "分期要多少手续费？", "我还了一部分了，你查一下。", "好的，再见。", "你说的这个金额不对，我要去银行核实。",
	}
	violations = []string{"你再不还钱，我们就上门找你家里人。", "你这种人就是老赖。", "你把钱打到我个人的账户上，利息我给你免了。", "加我的微信，我们私下处理。", "不还钱就让你坐牢。"}
)

// Recording is one made-up recording.
type Recording struct {
	N         int
	ID        uuid.UUID
	Key       string
	Kind      detectors.Kind
	Metadata  detectors.Metadata
	State     string // inspected | failed | duplicate | discovered
	Reason    string
	CreatedAt time.Time
	Score     int
	Fatal     bool
	Findings  []Finding
	random    *rand.Rand
}

// Finding is one made-up finding with what a person said of it.
type Finding struct {
	detectors.Finding
	Verdict  string // open | confirmed | overturned
	Reviewer int    // of Reviewers
	JudgedAt time.Time
}

// Reviewers is how many people judge.
const Reviewers = 8

// Recording makes up the n-th, from 0: the oldest first.
func (o Office) Recording(n int) Recording {
	r := rand.New(rand.NewPCG(uint64(n), 20260101))
	rec := Recording{N: n, random: r, Kind: detectors.KindCall, State: "inspected", Score: 100}
	for i := 0; i < 16; i += 8 {
		v := r.Uint64()
		for j := range 8 {
			rec.ID[i+j] = byte(v >> (8 * j))
		}
	}
	rec.ID[6], rec.ID[8] = rec.ID[6]&0x0f|0x40, rec.ID[8]&0x3f|0x80

	// Time goes evenly; within a day contacts are made between eight and twenty o'clock in Shanghai.
	day := n * o.days() / max(o.Recordings, 1)
	at := o.Until.Truncate(24*time.Hour).AddDate(0, 0, day-o.days()+1).Add(time.Duration(r.IntN(12*3600)) * time.Second)
	// The busiest agent has some ten times as many as the median one.
	agent := int(float64(o.agents()) * math.Pow(r.Float64(), 1.7))
	person := surnames[agent%len(surnames)] + givenNames[agent/len(surnames)%len(givenNames)]
	principal := principals[int(float64(len(principals))*math.Pow(r.Float64(), 2))]
	if r.IntN(12) == 0 {
		rec.Kind = detectors.KindVisit
	}
	rec.Key = fmt.Sprintf("%s/%04d-%08d.wav", at.Format("2006/01/02"), agent, n)
	rec.Metadata = detectors.Metadata{AgentID: fmt.Sprintf("%04d", 1000+agent), AgentName: person, Team: fmt.Sprintf("%s%d组", []string{"一部", "二部", "三部", "四部"}[agent%4], agent/4%5+1),
		Principal: principal, CaseID: fmt.Sprintf("HY-%08d", r.IntN(o.Recordings/3+1)), Phone: fmt.Sprintf("1%010d", r.Int64N(10_000_000_000)),
		Callee: "debtor", StartedAt: at, Duration: math.Round(20 + 160*r.ExpFloat64())}
	rec.CreatedAt = at.Add(time.Duration(5+r.IntN(120)) * time.Minute)
	switch p := r.Float64(); {
	case n >= o.Recordings-o.Recordings/5000-1: // the newest wait
		rec.State, rec.Score = "discovered", 0
		return rec
	case p < .004:
		rec.State, rec.Reason, rec.Score = "failed", "文件头损坏，无法解码。", 0
		return rec
	case p < .012:
		rec.State, rec.Score = "duplicate", 0
		return rec
	}
	// Some agents break rules much more often than others, and one in ten gets worse with time.
	tendency := .05 + .25*math.Pow(float64(agent*7919%1000)/1000, 4)
	if agent%10 == 3 {
		tendency *= .5 + 2*float64(day)/float64(o.days())
	}
	for r.Float64() < tendency && len(rec.Findings) < 5 {
		rec.addFinding(o)
		tendency = .35
	}
	return rec
}

func (rec *Recording) addFinding(o Office) {
	r := rec.random
	p, i := r.Float64(), 0
	for ; i < len(rules)-1 && p >= rules[i].share; i++ {
		p -= rules[i].share
	}
	quote := violations[r.IntN(len(violations))]
	start := math.Round(r.Float64()*rec.Metadata.Duration*10) / 10
	f := Finding{Verdict: "open", Finding: detectors.Finding{Key: detectors.FindingKey(rec.ID.String(), rules[i].id, quote, len(rec.Findings)+1), Rule: rules[i].id,
		RuleVersion: 1, Severity: rules[i].severity, Turn: 3, ByteEnd: len(quote), Start: start, End: start + 4, Quote: quote, Term: quote, How: "exact",
		Confidence: .9, Doubtful: r.IntN(8) == 0, Why: "命中规则词，未见例外。"}}
	judged := .9 // what is older than a week mostly is
	if o.Until.Sub(rec.CreatedAt) < 7*24*time.Hour {
		judged = .3
	}
	if r.Float64() < judged {
		f.Verdict = "confirmed"
		if r.Float64() < rules[i].overturned {
			f.Verdict = "overturned"
		}
		f.Reviewer, f.JudgedAt = r.IntN(Reviewers), rec.CreatedAt.Add(time.Duration(1+r.IntN(72))*time.Hour)
	}
	if f.Verdict == "confirmed" || f.Verdict == "open" && !f.Doubtful {
		rec.Score = max(0, rec.Score-map[detectors.Severity]int{detectors.SeverityCritical: 30, detectors.SeverityMajor: 15, detectors.SeverityMinor: 5}[f.Severity])
		rec.Fatal = rec.Fatal || f.Severity == detectors.SeverityCritical && f.Rule == "threat"
	}
	rec.Findings = append(rec.Findings, f)
}

// Transcript makes up what is said. Call it once for a recording.
func (rec *Recording) Transcript() (t detectors.Transcript, said string) {
	r := rec.random
	var b strings.Builder
	at := .5
	for i := range 8 + r.IntN(8) {
		u := detectors.Utterance{Speaker: detectors.SpeakerAgent, Start: at, End: at + 3, Confidence: .9, Text: agentSays[r.IntN(len(agentSays))]}
		switch {
		case i%2 == 1:
			u.Speaker, u.Channel, u.Text = detectors.SpeakerCustomer, 1, customerSays[r.IntN(len(customerSays))]
		case i == 4 && len(rec.Findings) > 0:
			u.Text = rec.Findings[0].Quote
		case strings.Contains(u.Text, "%s"):
			u.Text = fmt.Sprintf(u.Text, surnames[r.IntN(len(surnames))]+givenNames[r.IntN(len(givenNames))])
		case strings.Count(u.Text, "%d") == 1:
			u.Text = fmt.Sprintf(u.Text, 1+r.IntN(30))
		case strings.Count(u.Text, "%d") == 2:
			u.Text = fmt.Sprintf(u.Text, 1+r.IntN(90), 100*(1+r.IntN(300)))
		}
		at += 3.5
		t.Utterances = append(t.Utterances, u)
		b.WriteString(u.Text + "\n")
	}
	t.ModelName, t.ModelHash = "made up", "0"
	return t, b.String()
}

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // structs of plain values
	}
	return string(b)
}
