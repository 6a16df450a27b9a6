package main

import (
	"context"
	"fmt"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/lexicon"
	"github.com/speechqa/speechqa/pipeline/secondopinion"
)

// llmFlags are the settings of the second opinion; without an address there is none.
type llmFlags struct {
	LLMURL     string `name:"llm-url" config:"SPEECHQA_LLM_URL" group:"Second opinion" placeholder:"URL" help:"An OpenAI-compatible server on the company's own machine, e.g. http://llm:8000/v1."`
	LLMModel   string `name:"llm-model" config:"SPEECHQA_LLM_MODEL" group:"Second opinion" placeholder:"NAME" help:"The language model, as the server calls it."`
	LLMKey     string `name:"llm-key" config:"SPEECHQA_LLM_KEY" secret:"" group:"Second opinion" placeholder:"KEY" help:"Sent as Authorization: Bearer."`
	LLMTimeout string `name:"llm-timeout" config:"SPEECHQA_LLM_TIMEOUT" default:"30s" group:"Second opinion" placeholder:"TIME" help:"How long one question may take."`
	LLMAtOnce  string `name:"llm-at-once" config:"SPEECHQA_LLM_AT_ONCE" default:"2" group:"Second opinion" placeholder:"N" help:"Conversations that a worker asks about at the same time."`
	LLMBudget  string `name:"llm-budget" config:"SPEECHQA_LLM_BUDGET" default:"2m" group:"Second opinion" placeholder:"TIME" help:"How long all questions about one conversation may take."`
}

// opinion is a second opinion on conversations, as a command uses it.
type opinion struct {
	app    *app
	client *secondopinion.Client // nil: none was asked for
	failed int
}

// llmSettings say whom to ask; without an address nobody is asked.
type llmSettings struct {
	secondopinion.Config
	AtOnce int
}

func (f llmFlags) read(p *problems) llmSettings {
	s := llmSettings{AtOnce: p.integer("SPEECHQA_LLM_AT_ONCE", f.LLMAtOnce, 1, maxInspectors), Config: secondopinion.Config{
		URL: f.LLMURL, Model: f.LLMModel, Key: f.LLMKey,
		Timeout: p.duration("SPEECHQA_LLM_TIMEOUT", f.LLMTimeout, minLLMTime), Budget: p.duration("SPEECHQA_LLM_BUDGET", f.LLMBudget, minLLMTime)}}
	if s.URL != "" && s.Model == "" {
		p.add("SPEECHQA_LLM_MODEL", "missing: the name of the language model")
	}
	return s
}

// open makes the second opinion where it is wanted, for the rules.
func (f llmFlags) open(a *app, want bool, rs *lexicon.Ruleset) (*opinion, error) {
	o := &opinion{app: a}
	if !want {
		return o, nil
	}
	var p problems
	cfg := f.read(&p).Config
	if f.LLMURL == "" {
		p.add("SPEECHQA_LLM_URL", "missing: --llm asks a language model, so say where it is")
		if f.LLMModel == "" {
			p.add("SPEECHQA_LLM_MODEL", "missing: the name of the language model")
		}
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	var err error
	if o.client, err = secondopinion.New(cfg, rs); err != nil {
		return nil, fmt.Errorf("second opinion: %w", err)
	}
	return o, nil
}

// on adds the second opinion to a result. What cannot be had is reported and counted, and the result stays.
func (o *opinion) on(ctx context.Context, c *detectors.Conversation, res detectors.Result) detectors.Result {
	if o.client == nil {
		return res
	}
	more, err := o.client.Ask(ctx, c)
	if err != nil {
		o.failed++
		fmt.Fprintf(o.app.stderr, "%s: second opinion: %v\n", c.ID, err)
	}
	return secondopinion.Merge(c, res, more)
}

// err says at the end that some opinions are incomplete.
func (o *opinion) err() error {
	if o.failed == 0 {
		return nil
	}
	return fmt.Errorf("the second opinion on %d conversations is incomplete", o.failed)
}
