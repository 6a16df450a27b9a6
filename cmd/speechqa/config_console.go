package main

import (
	"net/netip"
	"strings"
)

// consoleFlags are what the company decides about the console's work.
type consoleFlags struct {
	HookAllow  string `config:"SPEECHQA_HOOK_ALLOW" group:"Console" placeholder:"LIST" help:"Networks beside the public internet that webhooks may reach, e.g. 10.1.0.0/16, separated by commas."`
	AppealDays string `config:"SPEECHQA_APPEAL_DAYS" default:"7" group:"Console" placeholder:"N" help:"Days after its confirmation in which an agent may appeal against a finding."`
}

type consoleSettings struct {
	appealDays int
	hookAllow  []netip.Prefix
}

func (f consoleFlags) read(p *problems) consoleSettings {
	s := consoleSettings{appealDays: p.integer("SPEECHQA_APPEAL_DAYS", f.AppealDays, 1, 365)}
	for _, text := range strings.FieldsFunc(f.HookAllow, func(r rune) bool { return r == ',' || r == ' ' }) {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			p.add("SPEECHQA_HOOK_ALLOW", "%q is no network like 10.1.0.0/16", text)
		}
		s.hookAllow = append(s.hookAllow, network.Masked())
	}
	return s
}
