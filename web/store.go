package web

import (
	"context"
	"io"
	"time"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/lexicon"
	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/storage/postgres"
)

// Store is what the pages ask of the database; postgres.Store is the one implementation.
type Store interface {
	accountStore
	userStore
	figureStore
	operationsStore
	importStore
	rulesStore
	custodyStore
	disposalStore
	deskStore
	// InScope says whether there is a recording with this id, a UUID, and whether the scope holds it.
	InScope(ctx context.Context, sc postgres.Scope, id string) (bool, error)
	// List gives one page of the recordings in the scope, worst first.
	List(ctx context.Context, sc postgres.Scope, f postgres.ListFilter) (postgres.ListPage, error)
	// Review gives everything about one recording; postgres.ErrNotFound when there is none.
	Review(ctx context.Context, id string) (postgres.Review, error)
	// Recording gives the recording's row; postgres.ErrNotFound when there is none.
	Recording(ctx context.Context, id string) (pipeline.Recording, error)
	// Decide stores a decision and the score that follows from it, in one transaction; rescore gets the
	// findings that still stand. postgres.ErrConflict when the recording has changed since Decision.Version.
	Decide(ctx context.Context, d postgres.Decision, rescore func([]detectors.Finding) (score int, fatal bool)) error
	clipStore
	playlistStore
	appealStore
	noticeStore
	auditStore
	tokenStore
	samplingStore
	hookStore
}

// AudioSource opens a recording's object for reading anywhere in it. A missing object wraps pipeline.ErrGone.
type AudioSource interface {
	OpenSeeker(ctx context.Context, o pipeline.Object) (io.ReadSeekCloser, error)
}

// Rules names rules and scores what is left of a recording's findings after a decision.
type Rules interface {
	// Title is a rule's name for people, in "zh" or "en"; the id itself for an unknown rule.
	Title(rule, lang string) string
	// Clauses are the places in the company's or the regulator's documents that a rule rested on at a time.
	Clauses(rule string, at time.Time) []lexicon.Clause
	// Running are the rules that run on recordings of a kind and score, worst first.
	Running(kind detectors.Kind) []RunningRule
	// Judgeable are the rules that a person who hears a recording can say were broken.
	Judgeable() []string
	// Ruleset is all of them, to be read only.
	Ruleset() *lexicon.Ruleset
	// Numbers are the live rules with the number each has now.
	Numbers() map[string]int
	// Score is the score of a principal's recording of that time with exactly these findings, and whether one is fatal.
	Score(principal string, at time.Time, findings []detectors.Finding) (score int, fatal bool)
}

// RunningRule is a rule that runs and scores.
type RunningRule struct {
	ID       string
	Severity detectors.Severity
}
