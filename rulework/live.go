package rulework

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/lexicon"
)

// Source is where versions are kept.
type Source interface {
	// RecordProgramRuleset puts the rules a process was started with on record and gives the live version.
	RecordProgramRuleset(ctx context.Context, n NewVersion) (Version, error)
	// RulesetsAtWork gives the live version, then those on shadow.
	RulesetsAtWork(ctx context.Context) ([]Version, error)
	RulesetFiles(ctx context.Context, id int64) (map[string][]byte, error)
	// MarkStale finishes a publication that was broken off.
	MarkStale(ctx context.Context) error
	// CommitShadow stores what a version on shadow would find and lose in a recording, in place of what it did before.
	CommitShadow(ctx context.Context, version int64, recording string, found, lost []detectors.Finding) error
}

// noticeEvery is how often a process looks for another live version.
const noticeEvery = 2 * time.Second

// Live is the ruleset that is live, and those on shadow, followed in the database. It inspects as a
// pipeline.Inspector; Run must work for it to notice changes.
type Live struct {
	source Source
	log    *slog.Logger
	now    atomic.Pointer[atWork]
}

type atWork struct {
	version Version
	engine  *detectors.Engine
	shadow  []shadow
}

type shadow struct {
	version Version
	engine  *detectors.Engine
}

// Engine makes an engine of a ruleset's files.
func Engine(files map[string][]byte) (*detectors.Engine, error) {
	rs, err := lexicon.LoadFiles(files)
	if err != nil {
		return nil, fmt.Errorf("the ruleset has errors:\n%w", err)
	}
	return detectors.New(rs)
}

// Follow puts the program's rules on record, where they are not, and loads the live version.
func Follow(ctx context.Context, source Source, program fs.FS, from string, log *slog.Logger) (*Live, error) {
	files, err := lexicon.ReadFiles(program)
	if err != nil {
		return nil, fmt.Errorf("the ruleset has errors:\n%w", err)
	}
	own, err := Engine(files)
	if err != nil {
		return nil, err
	}
	rs := own.Ruleset()
	v, err := source.RecordProgramRuleset(ctx, NewVersion{Files: files, Name: rs.Name, Label: rs.Version, Why: from})
	if err != nil {
		return nil, fmt.Errorf("record the program's rules: %w", err)
	}
	l := &Live{source: source, log: log}
	if v.Hash == rs.Hash {
		l.now.Store(&atWork{version: v, engine: own})
	}
	if err := l.notice(ctx); err != nil {
		return nil, err
	}
	if v := l.Version(); v.Hash != rs.Hash {
		log.Info("the rules published in the database are used, not the program's", "version", v.ID, "hash", v.Hash)
	}
	return l, nil
}

// Run follows the database until ctx ends.
func (l *Live) Run(ctx context.Context) error {
	tick := time.NewTicker(noticeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := l.notice(ctx); err != nil && ctx.Err() == nil {
			l.log.Warn("look for published rules", "error", err)
		}
	}
}

// notice loads what has become live or gone on shadow since.
func (l *Live) notice(ctx context.Context) error {
	if err := l.source.MarkStale(ctx); err != nil {
		return err
	}
	versions, err := l.source.RulesetsAtWork(ctx)
	if err != nil {
		return err
	}
	if len(versions) == 0 || versions[0].State != StateLive {
		return errors.New("no ruleset is live")
	}
	old := l.now.Load()
	if old.same(versions) {
		return nil
	}
	next := &atWork{version: versions[0]}
	if next.engine, err = l.load(ctx, old, versions[0]); err != nil {
		return err
	}
	for _, v := range versions[1:] {
		e, err := l.load(ctx, old, v)
		if err != nil {
			return err
		}
		next.shadow = append(next.shadow, shadow{v, e})
	}
	l.now.Store(next)
	if old != nil {
		l.log.Info("rules changed", "version", next.version.ID, "hash", next.version.Hash, "shadow", len(next.shadow))
	}
	return nil
}

func (w *atWork) same(versions []Version) bool {
	if w == nil || len(versions) != 1+len(w.shadow) || versions[0].ID != w.version.ID {
		return false
	}
	for i, s := range w.shadow {
		if versions[i+1].ID != s.version.ID {
			return false
		}
	}
	return true
}

// load gives the engine of a version, the one there is where it is loaded already.
func (l *Live) load(ctx context.Context, old *atWork, v Version) (*detectors.Engine, error) {
	if old != nil && old.version.ID == v.ID {
		return old.engine, nil
	}
	if old != nil {
		for _, s := range old.shadow {
			if s.version.ID == v.ID {
				return s.engine, nil
			}
		}
	}
	files, err := l.source.RulesetFiles(ctx, v.ID)
	if err != nil {
		return nil, fmt.Errorf("read version %d of the rules: %w", v.ID, err)
	}
	e, err := Engine(files)
	if err != nil {
		return nil, fmt.Errorf("version %d: %w", v.ID, err)
	}
	return e, nil
}

// Version is the live one.
func (l *Live) Version() Version { return l.now.Load().version }

// Engine inspects by the live rules until others become live.
func (l *Live) Engine() *detectors.Engine { return l.now.Load().engine }

// Ruleset is the live one's rules.
func (l *Live) Ruleset() *lexicon.Ruleset { return l.now.Load().engine.Ruleset() }

// Inspect finds what the live rules forbid.
func (l *Live) Inspect(c *detectors.Conversation) detectors.Result {
	return l.now.Load().engine.Inspect(c)
}

// Shadow has the versions on shadow inspect a conversation that the live rules gave a result for.
func (l *Live) Shadow(ctx context.Context, c *detectors.Conversation, live detectors.Result) error {
	for _, s := range l.now.Load().shadow {
		found, lost := apart(live.Findings, s.engine.Inspect(c).Findings)
		if err := l.source.CommitShadow(ctx, s.version.ID, c.ID, found, lost); err != nil {
			return err
		}
	}
	return nil
}

// apart are the findings that only the second result has, and only the first. Those of shadow rules are none.
func apart(old, now []detectors.Finding) (found, lost []detectors.Finding) {
	has := func(fs []detectors.Finding, f *detectors.Finding) bool {
		for i := range fs {
			if !fs[i].Shadow && (fs[i].Key == f.Key || fs[i].Rule == f.Rule && fs[i].Turn == f.Turn && f.Turn >= 0) {
				return true
			}
		}
		return false
	}
	for i := range now {
		if !now[i].Shadow && !has(old, &now[i]) {
			found = append(found, now[i])
		}
	}
	for i := range old {
		if !old[i].Shadow && !has(now, &old[i]) {
			lost = append(lost, old[i])
		}
	}
	return found, lost
}
