package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/speechqa/speechqa/detectors"
)

// inspectCmd hears recordings and applies the rules, without any server.
type inspectCmd struct {
	hearingFlags
	llmFlags
	LLM   bool     `name:"llm" help:"Also ask a language model (--llm-url); what it finds is listed as doubtful."`
	Rules string   `placeholder:"DIR" help:"Directory with an own ruleset; the built-in one otherwise."`
	JSON  bool     `name:"json" help:"One JSON object per recording and line."`
	Files []string `arg:"" name:"file" help:"Recordings in any format ffmpeg reads."`
}

// inspection is one line of inspect --json: the transcript, the findings and the score.
type inspection struct {
	transcription
	Kind     detectors.Kind      `json:"kind"`
	Score    int                 `json:"score"`
	Fatal    bool                `json:"fatal,omitempty"`
	Findings []detectors.Finding `json:"findings"`
	// Doubtful findings are for a person to hear; they are no findings until somebody has.
	Doubtful      []detectors.Finding         `json:"doubtful,omitempty"`
	Slots         map[string][]detectors.Slot `json:"slots,omitempty"`
	RulesetHash   string                      `json:"ruleset_hash"`
	EngineVersion string                      `json:"engine_version"`
	ModelHash     string                      `json:"model_hash"`
}

// Run inspects every file.
func (c *inspectCmd) Run(a *app) error {
	engine, err := loadEngine(c.Rules)
	if err != nil {
		return err
	}
	second, err := c.llmFlags.open(a, c.LLM, engine.Ruleset())
	if err != nil {
		return err
	}
	enc := json.NewEncoder(a.stdout)
	enc.SetEscapeHTML(false)
	err = c.hearFiles(a, c.Files, func(h hearing) error {
		conversation := &detectors.Conversation{ID: filepath.Base(h.file), Kind: h.about.Kind, Metadata: h.about.Metadata,
			Facts:      detectors.Facts{Duration: h.rec.Facts.Duration, Gaps: h.rec.Facts.Gaps},
			Utterances: h.transcript.Utterances}
		res := second.on(a.ctx, conversation, engine.Inspect(conversation))
		in := inspected(transcribed(h, false), h.about.Kind, res, h.transcript.ModelHash)
		if c.JSON {
			return enc.Encode(in)
		}
		return in.print(a.stdout)
	})
	return errors.Join(err, second.err())
}

func inspected(t transcription, kind detectors.Kind, res detectors.Result, model string) inspection {
	in := inspection{transcription: t, Kind: kind, Score: res.Score, Fatal: res.Fatal, Findings: []detectors.Finding{},
		Slots: res.Slots, RulesetHash: res.RulesetHash, EngineVersion: res.EngineVersion, ModelHash: model}
	for _, f := range res.Findings {
		f.Start, f.End, f.Confidence = milli(f.Start), milli(f.End), milli(f.Confidence)
		if f.Doubtful {
			in.Doubtful = append(in.Doubtful, f)
		} else {
			in.Findings = append(in.Findings, f)
		}
	}
	return in
}

// print writes transcript and findings for reading.
func (in inspection) print(w io.Writer) error {
	if err := in.transcription.print(w); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w, "  得分 %d,违规 %d 处,待听 %d 处\n", in.Score, len(in.Findings), len(in.Doubtful)); err != nil {
		return err
	}
	for _, list := range []struct {
		mark     string
		findings []detectors.Finding
	}{{"✗", in.Findings}, {"?", in.Doubtful}} {
		for _, f := range list.findings {
			where := "全程"
			if f.Turn >= 0 {
				where = clock(f.Start) + " 「" + f.Quote + "」"
			}
			if _, err := fmt.Fprintf(w, "  %s %s (%s) %s %s\n", list.mark, f.Rule, f.Severity, where, f.Why); err != nil {
				return err
			}
		}
	}
	return nil
}
