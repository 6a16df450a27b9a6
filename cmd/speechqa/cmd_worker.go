package main

import (
	"errors"

	"github.com/speechqa/speechqa/pipeline"
)

// workerCmd transcribes and inspects what is in the queue.
type workerCmd struct {
	databaseFlags
	redisFlags
	objectFlags
	custodyFlags
	copyFlags
	disposalFlags
	signingFlags
	modelFlags
	rulesFlags
	workerFlags
	llmFlags
	observeFlags
	logFlags
}

func (c *workerCmd) Run(a *app) (err error) {
	var p problems
	log := c.logFlags.read(&p, a.stderr)
	s := services{DatabaseURL: c.databaseFlags.read(&p), Redis: c.redisFlags.read(&p), Objects: c.objectFlags.read(&p)}
	s.Copies = c.copyFlags.read(&p, s.Objects)
	work, rules, metrics := c.workerFlags.read(&p), c.rulesFlags.read(&p), c.observeFlags.read(&p)
	llm := c.llmFlags.read(&p)
	keep, dispose, key := c.custodyFlags.read(&p), c.disposalFlags.read(&p), c.signingFlags.read(&p)
	var model modelSettings
	if work.does(pipeline.StepTranscribe) {
		model = c.modelFlags.read(&p, a.env)
	}
	if err := p.err(); err != nil {
		return err
	}
	sys, err := openSystem(a.ctx, s, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sys.close()) }()
	if _, err := sys.addWorker(a.ctx, work, model, rules); err != nil {
		return err
	}
	if work.does(pipeline.StepInspect) {
		if err := sys.addOpinions(a.ctx, llm, rules); err != nil {
			return err
		}
	}
	sys.addCustody(keep)
	sys.addCopies(keep)
	sys.addDisposals(dispose, key)
	if err := sys.addObserve(metrics); err != nil {
		return err
	}
	log.Info("worker starts", "steps", work.Steps, "hearers", model.Hearers, "inspectors", work.Inspectors)
	return sys.run(a.ctx)
}
