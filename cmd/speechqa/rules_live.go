package main

import (
	"context"
	"io/fs"
	"os"
	"time"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/lexicon"
	"github.com/speechqa/speechqa/rulework"
	"github.com/speechqa/speechqa/web"
)

// programRules are the files of the rules a process is started with, and where they come from.
func programRules(dir string) (fs.FS, string, error) {
	if dir == "" {
		return lexicon.DefaultFiles(), "built into the program", nil
	}
	if _, err := loadRules(dir); err != nil { // says what is wrong with the directory
		return nil, "", err
	}
	return os.DirFS(dir), dir, nil
}

// followRules loads the live rules once for all parts of the process and follows them from then on.
func (s *system) followRules(ctx context.Context, dir string) (*rulework.Live, error) {
	if s.rules != nil {
		return s.rules, nil
	}
	files, from, err := programRules(dir)
	if err != nil {
		return nil, err
	}
	live, err := rulework.Follow(ctx, s.store, files, from, s.log)
	if err != nil {
		return nil, err
	}
	s.rules = live
	s.add("rules", live.Run)
	return live, nil
}

// liveRules are the console's rules: always the live ones.
type liveRules struct{ *rulework.Live }

func (r liveRules) Title(rule, lang string) string { return web.RulesOf(r.Ruleset()).Title(rule, lang) }
func (r liveRules) Clauses(rule string, at time.Time) []lexicon.Clause {
	return web.RulesOf(r.Ruleset()).Clauses(rule, at)
}
func (r liveRules) Judgeable() []string     { return web.RulesOf(r.Ruleset()).Judgeable() }
func (r liveRules) Numbers() map[string]int { return web.RulesOf(r.Ruleset()).Numbers() }
func (r liveRules) Score(principal string, at time.Time, f []detectors.Finding) (int, bool) {
	return web.RulesOf(r.Ruleset()).Score(principal, at, f)
}
func (r liveRules) Running(kind detectors.Kind) []web.RunningRule {
	return web.RulesOf(r.Ruleset()).Running(kind)
}
