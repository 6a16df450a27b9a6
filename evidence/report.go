package evidence

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/lexicon"
	"github.com/speechqa/speechqa/storage/postgres"
)

//go:embed report.html
var reportFile embed.FS

// reportWords are what the report calls codes.
var reportWords = map[string]string{
	"critical": "严重", "major": "较重", "minor": "一般", "info": "提示", "agent": "催收员", "customer": "客户", "unknown": "身份不明",
	"open": "未判 / open", "confirmed": "确认 / confirmed", "overturned": "推翻 / overturned", "call": "电话 / call", "visit": "外访 / visit",
	"exact": "字面", "homophone": "同音", "slots": "必说项", "fact": "事实", "model": "统计模型", "llm": "语言模型",
}

type reportRecording struct {
	Entry
	Kind       detectors.Kind
	Metadata   detectors.Metadata
	Duration   float64
	Findings   []reportFinding
	Utterances []detectors.Utterance
	Trail      []postgres.ReviewEvent
}

type reportFinding struct {
	postgres.JudgedFinding
	Title, About, File string
	Basis              []lexicon.Basis
}

// report makes report.html: a page without scripts or links to anywhere.
func (p *Pack) report(m *Manifest) ([]byte, error) {
	zone := p.x.Zone
	if zone == nil {
		zone = time.UTC
	}
	t, err := template.New("report.html").Funcs(template.FuncMap{
		"date": func(t time.Time) string {
			if t.IsZero() {
				return "–"
			}
			return t.In(zone).Format("2006-01-02 15:04:05 MST")
		},
		"clock": func(s float64) string { return fmt.Sprintf("%d:%05.2f", int(s)/60, s-float64(int(s)/60*60)) },
		"word": func(v any) string {
			s := fmt.Sprint(v)
			if w := reportWords[s]; w != "" {
				return w
			}
			return s
		},
		"join": strings.Join,
	}).ParseFS(reportFile, "report.html")
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	var list []reportRecording
	for i, s := range p.subjects {
		r := reportRecording{Entry: m.Recordings[i], Kind: s.conversation.Kind, Metadata: s.conversation.Metadata,
			Duration: s.review.Audio.Duration, Utterances: s.conversation.Utterances, Trail: s.review.Trail}
		rules := map[string]*lexicon.Rule{}
		for i := range s.rules.Rules {
			rules[s.rules.Rules[i].ID] = &s.rules.Rules[i]
		}
		for _, f := range s.review.Findings {
			rf := reportFinding{JudgedFinding: f, Title: f.Rule}
			if rule := rules[f.Rule]; rule != nil {
				rf.Title, rf.About, rf.Basis = rule.Title["zh"]+" / "+rule.Title["en"], rule.About, rule.Basis
				rf.File = rulesDir(s.entry.RulesetHash) + "/" + rule.File
			}
			r.Findings = append(r.Findings, rf)
		}
		list = append(list, r)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, map[string]any{"Manifest": m, "Recordings": list}); err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	return b.Bytes(), nil
}
