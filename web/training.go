package web

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/speechqa/speechqa/storage/postgres"
)

// What a team needs training in: its trainingRules most broken rules, each with trainingExamples findings.
const (
	trainingRules    = 3
	trainingExamples = 3
	trainingTeams    = 30
)

type trainingData struct {
	figureFrame
	Teams []trainingTeam
	Table grid
	More  int
}

type trainingTeam struct {
	Team       string
	Recordings int
	Needs      []trainingNeed
}

type trainingNeed struct {
	Rule            string
	Flagged         int
	Rate, Low, High float64 // per 100 recordings of the team
	All             float64 // rate of all teams
	Verdict         string  // against all teams: above, below, unclear
	URL             string
	Examples        []lesson
}

// lesson is an example with the clip that was cut of it, if any.
type lesson struct {
	postgres.ReportExample
	Clip *postgres.Clip
}

// trainingPage shows what each team breaks most, with examples to teach from.
func (c *Console) trainingPage(w http.ResponseWriter, r *http.Request) error {
	d, err := c.training(r, true)
	if err != nil {
		return err
	}
	return c.render(w, r, http.StatusOK, "training", d)
}

func (c *Console) trainingXLSX(w http.ResponseWriter, r *http.Request) error {
	d, err := c.training(r, true)
	if err != nil {
		return err
	}
	l := visitorOf(r).lang
	return sendXLSX(w, document{Name: fmt.Sprintf("training-%s-%s", d.From, d.To), Title: c.messages.text(l, "figures.page.training"), Facts: c.facts(l, d.figureFrame),
		Grids: []grid{d.Table, c.trainingExamplesTable(l, d)}})
}

func (c *Console) training(r *http.Request, withExamples bool) (d trainingData, err error) {
	if d.figureFrame, err = c.frame(r, "training", true, "team", "principal", "kind"); err != nil {
		return d, err
	}
	d.CSV = ""
	sc := visitorOf(r).scope
	d.Filter.Rule, d.Filter.Agent, d.Filter.By = "", "", postgres.ByTeam
	teams, err := c.inspectedTrends(r, d.Filter)
	if err != nil {
		return d, err
	}
	cells, err := c.store.Heat(r.Context(), sc, d.Filter)
	if err != nil {
		return d, fmt.Errorf("training: %w", err)
	}
	d.Teams = trainingNeeds(teams, cells)
	d.More = max(0, len(d.Teams)-trainingTeams)
	d.Teams = d.Teams[:len(d.Teams)-d.More]
	for i := range d.Teams {
		for j := range d.Teams[i].Needs {
			n := &d.Teams[i].Needs[j]
			n.URL = d.recordings("team", d.Teams[i].Team, "rule", n.Rule)
			if !withExamples {
				continue
			}
			f := postgres.ReportFilter{TrendFilter: d.Filter, Standing: true, PerRecord: true, Limit: trainingExamples}
			f.Team, f.Rule = d.Teams[i].Team, n.Rule
			examples, err := c.examples(r, f)
			if err != nil {
				return d, fmt.Errorf("training: %w", err)
			}
			for _, e := range examples {
				n.Examples = append(n.Examples, lesson{ReportExample: e})
			}
		}
	}
	if err := c.clipLessons(r, d.Teams); err != nil {
		return d, err
	}
	d.Table = c.trainingTable(visitorOf(r).lang, d)
	return d, nil
}

// clipLessons adds the clips that were cut of the examples.
func (c *Console) clipLessons(r *http.Request, teams []trainingTeam) error {
	if !may(Role(visitorOf(r).user.Role), permClips) {
		return nil
	}
	var all []*lesson
	for i := range teams {
		for j := range teams[i].Needs {
			for k := range teams[i].Needs[j].Examples {
				all = append(all, &teams[i].Needs[j].Examples[k])
			}
		}
	}
	var recordings, findings []string
	for _, e := range all {
		recordings, findings = append(recordings, e.Recording), append(findings, e.Key)
	}
	clips, err := c.store.ClipsOf(r.Context(), visitorOf(r).scope, recordings, findings)
	if err != nil {
		return fmt.Errorf("training: %w", err)
	}
	for _, e := range all {
		if k, cut := clips[[2]string{e.Recording, e.Key}]; cut {
			e.Clip = &k
		}
	}
	return nil
}

// trainingNeeds picks each team's most broken rules; the team that breaks most comes first.
func trainingNeeds(teams []postgres.TrendRow, cells []postgres.HeatCell) (out []trainingTeam) {
	all, recordings := map[string]int{}, 0
	flagged := map[string][]postgres.HeatCell{}
	for _, x := range cells {
		all[x.Rule] += x.Flagged
		flagged[x.Key] = append(flagged[x.Key], x)
	}
	for _, t := range teams {
		recordings += t.Recordings
	}
	slices.SortStableFunc(teams, func(a, b postgres.TrendRow) int {
		return cmp.Compare(float64(b.Flagged)/float64(b.Recordings), float64(a.Flagged)/float64(a.Recordings))
	})
	for _, t := range teams {
		rules := flagged[t.Key]
		slices.SortStableFunc(rules, func(a, b postgres.HeatCell) int { return cmp.Compare(b.Flagged, a.Flagged) })
		team := trainingTeam{Team: t.Key, Recordings: t.Recordings}
		for _, x := range rules[:min(len(rules), trainingRules)] {
			n := trainingNeed{Rule: x.Rule, Flagged: x.Flagged, Rate: 100 * float64(x.Flagged) / float64(t.Recordings), All: 100 * float64(all[x.Rule]) / float64(recordings), Verdict: "unclear"}
			low, high := wilson(x.Flagged, t.Recordings)
			n.Low, n.High = 100*low, 100*high
			if n.Low > n.All {
				n.Verdict = "above"
			} else if n.High < n.All {
				n.Verdict = "below"
			}
			team.Needs = append(team.Needs, n)
		}
		if len(team.Needs) > 0 {
			out = append(out, team)
		}
	}
	return out
}

func (c *Console) trainingTable(l Lang, d trainingData) grid {
	text := func(key string) string { return c.messages.text(l, key) }
	g := grid{Caption: text("training.table")}
	g.column(text("by.team"), false)
	g.column(text("by.rule"), false)
	for _, key := range []string{"recordings", "flagged", "rate", "low", "high"} {
		g.column(text("trends."+key), true)
	}
	g.column(text("training.all"), true)
	g.column(text("training.against"), false)
	for _, t := range d.Teams {
		for _, n := range t.Needs {
			g.Rows = append(g.Rows, []gridCell{words(t.Team), linked(c.rules.Title(n.Rule, string(l)), n.URL), countCell(t.Recordings), countCell(n.Flagged), decimalCell(n.Rate),
				decimalCell(n.Low), decimalCell(n.High), decimalCell(n.All), {Text: text("training." + n.Verdict), Class: "against " + n.Verdict}})
		}
	}
	return g
}

func (c *Console) trainingExamplesTable(l Lang, d trainingData) grid {
	text := func(key string) string { return c.messages.text(l, key) }
	g := grid{Caption: text("training.examples")}
	for _, key := range []string{"by.team", "by.rule", "list.when", "list.agent", "report.quote", "list.state", "report.recording"} {
		g.column(text(key), false)
	}
	for _, t := range d.Teams {
		for _, n := range t.Needs {
			for _, e := range n.Examples {
				g.Rows = append(g.Rows, []gridCell{words(t.Team), words(c.rules.Title(n.Rule, string(l))), words(e.At.In(c.loc).Format(time.DateTime)), words(cmp.Or(e.Metadata.AgentName, e.Metadata.AgentID)),
					words(e.Quote), words(text("verdict." + string(e.Verdict))), words(e.Recording)})
			}
		}
	}
	return g
}
