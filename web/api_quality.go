package web

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/speechqa/speechqa/detectors/estimate"
	"github.com/speechqa/speechqa/detectors/pii"
	"github.com/speechqa/speechqa/storage/postgres"
)

func (c *Console) qualityEndpoints() []endpoint {
	return []endpoint{
		{route{"GET /api/v1/quality", permQuality, c.apiQuality, "quality.export"}, []string{"GET /quality"}, "How good the rules are: precision, recall, agreement, drift", apiPartQuery{}, apiQuality{}},
		{route{"GET /api/v1/quality.xlsx", permExport, c.qualityXLSX, "quality.export"}, []string{"GET /quality.xlsx"}, "The same as a table", apiPartQuery{}, xlsx},
		{route{"GET /api/v1/rules/quality/{rule}", permRulesView, c.apiRuleQuality, ""}, []string{"GET /rules/quality/{rule}"}, "Why a rule is noisy: by version, by term, and decided findings", nil, apiNoise{}},
		{route{"GET /api/v1/sampling", permReview, c.apiSampling, ""}, []string{"GET /sampling"}, "What is to be judged blind, and for those who draw them the samples", nil, apiSampling{}},
		{route{"POST /api/v1/sampling", permSample, c.apiDrawSample, ""}, []string{"POST /sampling"}, "Draw a blind sample", apiSampleSpec{}, apiSample{}},
		{route{"GET /api/v1/sampling/{sample}", permQuality, c.apiSample, "sample.view"}, []string{"GET /sampling/{sample}"}, "A sample, and what it says once nobody can be led by it", nil, apiSample{}},
		{route{"POST /api/v1/sampling/{sample}/close", permSample, command(wordless, c.closeSample, c.apiSample), ""}, []string{"POST /sampling/{sample}/close"}, "End a sample", nil, apiSample{}},
		{route{"GET /api/v1/recordings/{id}/blind/{sample}", permReview, c.apiBlind, "sample.open"}, []string{"GET /recordings/{id}/blind/{sample}"},
			"A recording to be judged blind: what was said, nothing of what was found", nil, apiBlindTask{}},
		{route{"POST /api/v1/recordings/{id}/blind/{sample}", permReview, command(apiBlindVerdict.form, c.judgeBlind, c.apiSampling), ""}, []string{"POST /recordings/{id}/blind/{sample}"}, "Judge it; the answer is what is to be judged next", apiBlindVerdict{}, apiSampling{}},
	}
}

// apiShare is a share with its 95 % interval.
type apiShare struct {
	Value float64 `json:"value" description:"0 to 1"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

func apiShareOf(s estimate.Share, known bool) *apiShare {
	if !known {
		return nil
	}
	return &apiShare{s.Estimate, s.Low, s.High}
}

type apiAgreement struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	N     int     `json:"n"`
}

func apiAgreementOf(a estimate.Agreement) *apiAgreement {
	if !a.Known {
		return nil
	}
	return &apiAgreement{a.Value, a.Low, a.High, a.N}
}

type apiQuality struct {
	apiSpan
	Sample string         `json:"sample,omitempty" description:"id of the one that recall rests on"`
	Rules  []apiRuleWorth `json:"rules"`
}

type apiRuleWorth struct {
	Rule       string        `json:"rule"`
	Version    int           `json:"version"`
	Now        bool          `json:"now" description:"the live version; how much others found is no more known"`
	Found      int           `json:"found" description:"recordings"`
	Findings   int           `json:"findings"`
	Confirmed  int           `json:"confirmed"`
	Overturned int           `json:"overturned"`
	Precision  *apiShare     `json:"precision,omitempty"`
	Recall     *apiShare     `json:"recall,omitempty"`
	Outdated   bool          `json:"outdated" description:"the rule has changed since the sample was drawn, so recall is not known"`
	Alpha      *apiAgreement `json:"alpha,omitempty" description:"Krippendorff's, of reviewers"`
	Drift      string        `json:"drift,omitempty" enum:"steady,better,worse"`
	Weeks      []apiRuleWeek `json:"weeks"`
}

type apiRuleWeek struct {
	Week       string `json:"week" description:"its Monday"`
	Recordings int    `json:"recordings"`
	Findings   int    `json:"findings"`
	Confirmed  int    `json:"confirmed"`
	Overturned int    `json:"overturned"`
}

func (c *Console) apiQuality(w http.ResponseWriter, r *http.Request) error {
	d, err := c.quality(r)
	if err != nil {
		return err
	}
	out := apiQuality{apiSpan: apiSpan{d.From, d.To}, Rules: []apiRuleWorth{}}
	if d.Sample != nil {
		out.Sample = d.Sample.ID
	}
	for _, x := range d.Rules {
		rule := apiRuleWorth{Rule: x.Rule, Version: x.Version, Now: x.Now, Found: x.Found, Findings: x.Findings, Confirmed: x.Confirmed, Overturned: x.Overturns,
			Precision: apiShareOf(x.Right, x.Confirmed+x.Overturns > 0), Recall: apiShareOf(x.Recall, x.HasRecall), Outdated: x.Outdated, Alpha: apiAgreementOf(x.Alpha), Drift: x.Drift, Weeks: []apiRuleWeek{}}
		for _, week := range x.Weeks {
			rule.Weeks = append(rule.Weeks, apiRuleWeek{week.Week.Format(time.DateOnly), week.Recordings, week.Findings, week.Confirmed, week.Overturned})
		}
		out.Rules = append(out.Rules, rule)
	}
	return writeJSON(w, out)
}

type apiNoise struct {
	apiRuleQuality
	Terms   []apiTermQuality  `json:"terms"`
	Decided []apiJudgedBefore `json:"decided" description:"the latest"`
}

type apiJudgedBefore struct {
	Recording string     `json:"recording"`
	Key       string     `json:"key"`
	Quote     string     `json:"quote" description:"masked"`
	Term      string     `json:"term,omitempty"`
	Verdict   string     `json:"verdict"`
	Reason    string     `json:"reason,omitempty"`
	Note      string     `json:"note,omitempty"`
	By        string     `json:"by,omitempty"`
	At        *time.Time `json:"at,omitempty"`
	Proposed  bool       `json:"proposed" description:"as an example already"`
}

func (c *Console) apiRuleQuality(w http.ResponseWriter, r *http.Request) error {
	d, err := shown[ruleQualityData](r, c.ruleQualityPage)
	if err != nil {
		return err
	}
	out := apiNoise{apiRuleQuality: apiRuleQualityOf(d.Rule, d.Versions, d.Reasons), Terms: apiTermsOf(d.Terms), Decided: []apiJudgedBefore{}}
	for _, f := range d.Decided {
		out.Decided = append(out.Decided, apiJudgedBefore{f.Recording, f.Key, maskedQuote(f.Quote, pii.Known{}), f.Term, string(f.Verdict), f.Reason, f.Note, f.By, moment(f.At), f.Proposed})
	}
	return writeJSON(w, out)
}

type apiSampling struct {
	Tasks   []apiSampleTask `json:"tasks" description:"the next recording of each open sample"`
	Samples []apiSampleHead `json:"samples"`
}

type apiSampleTask struct {
	Sample    string `json:"sample"`
	Title     string `json:"title"`
	Recording string `json:"recording"`
	Place     int    `json:"place" description:"from 1"`
	Of        int    `json:"of"`
	Left      int    `json:"left"`
}

type apiSampleHead struct {
	ID         string     `json:"id"`
	Title      string     `json:"title"`
	Kind       string     `json:"kind" enum:"unflagged,calibration"`
	From       time.Time  `json:"from"`
	To         time.Time  `json:"to" description:"exclusive"`
	Team       string     `json:"team,omitempty"`
	Principal  string     `json:"principal,omitempty"`
	Population int        `json:"population"`
	Drawn      int        `json:"drawn" description:"recordings"`
	Seats      int        `json:"seats" description:"judgements to be given"`
	Judged     int        `json:"judged"`
	By         string     `json:"by"`
	At         time.Time  `json:"at"`
	Closed     *time.Time `json:"closed,omitempty"`
}

// apiSampleSpec is a sample to be drawn.
type apiSampleSpec struct {
	Kind      string   `json:"kind" enum:"unflagged,calibration"`
	Title     string   `json:"title"`
	From      string   `json:"from" description:"first day, 2006-01-02"`
	To        string   `json:"to" description:"last day"`
	Period    string   `json:"period" enum:"week,month" description:"strata are agents by period"`
	Team      string   `json:"team,omitempty"`
	Principal string   `json:"principal,omitempty"`
	Half      int      `json:"half,omitempty" description:"wanted half-width of the interval in per cent: 1, 2, 3, 5 or 10; unflagged only"`
	Doubled   int      `json:"doubled,omitempty" description:"per cent that two judge: 0, 10, 20, 50 or 100; unflagged only"`
	Size      int      `json:"size,omitempty" description:"recordings; calibration only"`
	Reviewers []string `json:"reviewers" description:"user ids"`
}

type apiSample struct {
	apiSampleHead
	Comparable bool            `json:"comparable" description:"nobody can be led by it any more"`
	Rules      []apiSampleRule `json:"rules,omitempty"`
	Items      []apiSampleItem `json:"items,omitempty"`
}

type apiSampleRule struct {
	Rule   string        `json:"rule,omitempty" description:"missing: any"`
	Broken int           `json:"broken" description:"recordings"`
	Drawn  int           `json:"drawn"`
	Missed *apiShare     `json:"missed,omitempty" description:"share of the population"`
	Alpha  *apiAgreement `json:"alpha,omitempty" description:"Krippendorff's"`
	Kappa  *apiAgreement `json:"kappa,omitempty" description:"Cohen's, of the first two seats"`
}

type apiSampleItem struct {
	Recording string           `json:"recording"`
	Agent     string           `json:"agent"`
	Rules     []string         `json:"rules" description:"what counts as broken"`
	Differ    bool             `json:"differ" description:"reviewers do not say the same"`
	Undecided bool             `json:"undecided" description:"and nobody has had the last word"`
	Seats     []apiSampleJudge `json:"seats"`
}

type apiSampleJudge struct {
	Reviewer string     `json:"reviewer" description:"display name"`
	Last     bool       `json:"last" description:"the last word"`
	At       *time.Time `json:"at,omitempty" description:"missing: not yet"`
	Rules    []string   `json:"rules"`
	Note     string     `json:"note,omitempty"`
}

func apiSampleHeadOf(m postgres.Sample) apiSampleHead {
	return apiSampleHead{m.ID, m.Title, string(m.Kind), m.From.UTC(), m.To.UTC(), m.Team, m.Principal, m.Population, m.Drawn, m.Seats, m.Judged, m.By, m.At.UTC(), moment(m.Closed)}
}

func (c *Console) apiSampling(w http.ResponseWriter, r *http.Request) error {
	d, err := shown[samplingData](r, c.samplingPage)
	if err != nil {
		return err
	}
	out := apiSampling{[]apiSampleTask{}, []apiSampleHead{}}
	for _, t := range d.Tasks {
		out.Tasks = append(out.Tasks, apiSampleTask(t))
	}
	for _, m := range d.Samples {
		out.Samples = append(out.Samples, apiSampleHeadOf(m))
	}
	return writeJSON(w, out)
}

func (c *Console) apiDrawSample(w http.ResponseWriter, r *http.Request) error {
	var d apiSampleSpec
	if err := body(w, r, &d); err != nil {
		return err
	}
	to, _, err := posted(r, url.Values{"kind": {d.Kind}, "title": {d.Title}, "from": {d.From}, "to": {d.To}, "period": {d.Period}, "team": {d.Team}, "principal": {d.Principal},
		"half": {strconv.Itoa(d.Half)}, "doubled": {strconv.Itoa(d.Doubled)}, "size": {strconv.Itoa(d.Size)}, "reviewer": d.Reviewers}, c.drawSample)
	if err != nil {
		return err
	}
	made(w, r, to, "/sampling/", "sample")
	return c.apiSample(w, r)
}

func (c *Console) apiSample(w http.ResponseWriter, r *http.Request) error {
	d, err := shown[sampleData](r, c.samplePage)
	if err != nil {
		return err
	}
	out := apiSample{apiSampleHead: apiSampleHeadOf(d.Sample), Comparable: d.Compare}
	if d.Compare {
		for _, x := range sampleRules(d.SampleResult) {
			out.Rules = append(out.Rules, apiSampleRule{x.Rule, x.Hits, x.Drawn, apiShareOf(x.Missed, x.Known), apiAgreementOf(x.Alpha), apiAgreementOf(x.Kappa)})
		}
	}
	for _, row := range d.Rows {
		item := apiSampleItem{row.Recording, row.Agent, append([]string{}, row.Rules...), row.Differ, row.Undecided, []apiSampleJudge{}}
		for _, s := range row.Seats {
			item.Seats = append(item.Seats, apiSampleJudge{s.Name, s.Seat == 0, moment(s.At), append([]string{}, s.Rules...), s.Note})
		}
		out.Items = append(out.Items, item)
	}
	return writeJSON(w, out)
}

type apiBlindTask struct {
	apiSampleTask
	Last       bool      `json:"last" description:"the last word where reviewers differ"`
	Kind       string    `json:"kind"`
	Rules      []string  `json:"rules" description:"that can be judged by hearing"`
	Transcript []apiSaid `json:"transcript"`
}

// apiSaid is an utterance without anything that a recogniser or a rule thinks of it.
type apiSaid struct {
	Speaker string  `json:"speaker"`
	Start   float64 `json:"start" description:"seconds"`
	End     float64 `json:"end"`
	Text    string  `json:"text"`
}

type apiBlindVerdict struct {
	Rules []string `json:"rules" description:"broken; none: clean"`
	Note  string   `json:"note,omitempty"`
}

func (d apiBlindVerdict) form() url.Values {
	f := url.Values{"rule": d.Rules, "note": {d.Note}}
	if len(d.Rules) == 0 {
		f.Set("clean", "1")
	}
	return f
}

func (c *Console) apiBlind(w http.ResponseWriter, r *http.Request) error {
	if _, _, ok, err := c.blindTask(r); err != nil {
		return err
	} else if !ok {
		return errConflict
	}
	d, err := shown[blindData](r, c.blindPage)
	if err != nil {
		return err
	}
	out := apiBlindTask{apiSampleTask: apiSampleTask(d.Task), Last: d.Last, Kind: string(d.Kind), Rules: append([]string{}, d.Rules...), Transcript: []apiSaid{}}
	for _, t := range d.Turns {
		var said strings.Builder
		for _, p := range t.Pieces {
			said.WriteString(p.Text)
		}
		out.Transcript = append(out.Transcript, apiSaid{string(t.Speaker), t.Start, t.End, said.String()})
	}
	return writeJSON(w, out)
}
