package main

// consoleFlags are what the company decides about the console's work.
type consoleFlags struct {
	AppealDays string `config:"SPEECHQA_APPEAL_DAYS" default:"7" group:"Console" placeholder:"N" help:"Days after its confirmation in which an agent may appeal against a finding."`
}

type consoleSettings struct {
	appealDays int
}

func (f consoleFlags) read(p *problems) consoleSettings {
	return consoleSettings{appealDays: p.integer("SPEECHQA_APPEAL_DAYS", f.AppealDays, 1, 365)}
}
