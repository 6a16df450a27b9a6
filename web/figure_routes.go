package web

import (
	"context"
	"time"

	"github.com/speechqa/speechqa/storage/postgres"
)

// figureStore is what the pages of figures ask of the database. Everything is of the recordings in the scope.
type figureStore interface {
	// Facets gives the values that filters offer.
	Facets(ctx context.Context, sc postgres.Scope) (postgres.Facets, error)
	// FacetsLately gives what Facets did a short while ago.
	FacetsLately(ctx context.Context, sc postgres.Scope) (postgres.Facets, error)
	// LatestFigure is the last day there are recordings of; zero when there are none.
	LatestFigure(ctx context.Context, sc postgres.Scope) (time.Time, error)
	// Trends gives the figures by group.
	Trends(ctx context.Context, sc postgres.Scope, f postgres.TrendFilter) ([]postgres.TrendRow, error)
	// Heat gives in how many recordings of a group each rule stands.
	Heat(ctx context.Context, sc postgres.Scope, f postgres.TrendFilter) ([]postgres.HeatCell, error)
	// AgentNames gives what the agents within the scope are called.
	AgentNames(ctx context.Context, sc postgres.Scope, ids []string) (map[string]string, error)
	// ReportExamples gives findings with their recordings.
	ReportExamples(ctx context.Context, sc postgres.Scope, f postgres.ReportFilter) ([]postgres.ReportExample, error)
	// DispositionCounts counts the dispositions in force.
	DispositionCounts(ctx context.Context, sc postgres.Scope, f postgres.TrendFilter) ([]postgres.DispositionCount, error)
	// Reviewers counts decisions by who made them.
	Reviewers(ctx context.Context, sc postgres.Scope, f postgres.TrendFilter) ([]postgres.Reviewer, error)
	// AgentHistory gives talks with an agent, and appeals and dispositions about him.
	AgentHistory(ctx context.Context, sc postgres.Scope, agent string, limit int) (postgres.AgentHistory, error)
	// Coach puts a talk with an agent on record; postgres.ErrNotFound where the scope holds nothing of him.
	Coach(ctx context.Context, sc postgres.Scope, c postgres.Coaching) error
	// Visits draws field visits for a spot check.
	Visits(ctx context.Context, sc postgres.Scope, f postgres.TrendFilter, n int, seed string) ([]postgres.Visit, error)
}

func (c *Console) figureRoutes() []route {
	return []route{
		{"GET /trends", permTrends, c.trendsPage, ""},
		{"GET /trends.csv", permExport, c.trendsCSV, "trends.export"},
		{"GET /trends.xlsx", permExport, c.trendsXLSX, "trends.export"},
		{"GET /heat", permTrends, c.heatPage, ""},
		{"GET /heat.csv", permExport, c.heatCSV, "heat.export"},
		{"GET /heat.xlsx", permExport, c.heatXLSX, "heat.export"},
		{"GET /agents/{agent}", permTrends, c.agentPage, "agent.view"},
		{"POST /agents/{agent}/coaching", permCoach, c.coach, ""},
		{"GET /coverage", permTrends, c.coveragePage, ""},
		{"GET /coverage.csv", permExport, c.coverageCSV, "coverage.export"},
		{"GET /coverage.xlsx", permExport, c.coverageXLSX, "coverage.export"},
		{"GET /training", permTrends, c.trainingPage, ""},
		{"GET /training.xlsx", permExport, c.trainingXLSX, "training.export"},
		{"GET /daily", permTrends, c.dailyPage, "daily.view"},
		{"GET /daily.xlsx", permExport, c.dailyXLSX, "daily.export"},
		{"GET /spotcheck", permTrends, c.spotPage, "spotcheck.view"},
		{"GET /spotcheck.xlsx", permExport, c.spotXLSX, "spotcheck.export"},
	}
}
