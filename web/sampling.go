package web

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/speechqa/speechqa/detectors/estimate"
	"github.com/speechqa/speechqa/storage/postgres"
)

// samplingStore is what the pages about samples and quality ask of the database.
type samplingStore interface {
	DrawSample(ctx context.Context, sc postgres.Scope, spec postgres.SampleSpec, by postgres.Actor) (string, error)
	Samples(ctx context.Context, sc postgres.Scope) ([]postgres.Sample, error)
	SampleResult(ctx context.Context, sc postgres.Scope, id string) (postgres.SampleResult, error)
	SampleTasks(ctx context.Context, sc postgres.Scope, user string) ([]postgres.SampleTask, error)
	JudgeSample(ctx context.Context, sample, recording string, rules []string, note string, last bool, by postgres.Actor) error
	CloseSample(ctx context.Context, id string, by postgres.Actor) error
	RuleWeeks(ctx context.Context, sc postgres.Scope, f postgres.TrendFilter) ([]postgres.RuleWeek, error)
}

// samplingRoutes are blind samples and what they say of the rules.
func (c *Console) samplingRoutes() []route {
	return []route{
		{"GET /sampling", permReview, c.samplingPage, ""},
		{"POST /sampling", permSample, c.drawSample, ""},
		{"GET /sampling/{sample}", permQuality, c.samplePage, "sample.view"},
		{"POST /sampling/{sample}/close", permSample, c.closeSample, ""},
		{"GET /recordings/{id}/blind/{sample}", permReview, c.blindPage, "sample.open"},
		{"POST /recordings/{id}/blind/{sample}", permReview, c.judgeBlind, ""},
		{"GET /quality", permQuality, c.qualityPage, ""},
		{"GET /quality.xlsx", permExport, c.qualityXLSX, "quality.export"},
	}
}

// Mistakes about samples.
var (
	errSampleEmpty     = &userError{http.StatusConflict, "sample_empty"}
	errSampleReviewers = &userError{http.StatusBadRequest, "sample_reviewers"}
)

// What the form for a sample offers: the interval's half-width in per cent, and the share that two judge.
var (
	sampleHalves  = []int{1, 2, 3, 5, 10}
	sampleDoubled = []int{0, 10, 20, 50, 100}
)

// mostDrawn bounds a sample that is given by its size.
const mostDrawn = 2000

type samplingData struct {
	Tasks     []postgres.SampleTask
	Samples   []postgres.Sample
	Reviewers []postgres.User
	Facets    postgres.Facets
	From, To  string
	Halves    []sampleHalf
	Doubled   []int
}

// sampleHalf is a wanted margin with the recordings that it takes at most; of a small whole it takes fewer.
type sampleHalf struct{ Percent, AtMost int }

// samplingPage shows a reviewer what is to be judged blind, and a lead the samples and how to draw one.
func (c *Console) samplingPage(w http.ResponseWriter, r *http.Request) error {
	ctx, v := r.Context(), visitorOf(r)
	d := samplingData{Doubled: sampleDoubled}
	for _, half := range sampleHalves {
		d.Halves = append(d.Halves, sampleHalf{half, estimate.SampleSize(float64(half)/100, expectedMisses, estimate.Usual, math.MaxInt32)})
	}
	var err error
	if d.Tasks, err = c.store.SampleTasks(ctx, v.scope, v.user.ID); err != nil {
		return fmt.Errorf("samples to judge: %w", err)
	}
	if may(Role(v.user.Role), permSample) {
		if d.Samples, err = c.store.Samples(ctx, v.scope); err != nil {
			return fmt.Errorf("samples: %w", err)
		}
		if d.Reviewers, err = c.reviewers(ctx); err != nil {
			return err
		}
		if d.Facets, err = c.store.Facets(ctx, v.scope); err != nil {
			return fmt.Errorf("samples: %w", err)
		}
		last, err := c.lastDay(r)
		if err != nil {
			return err
		}
		d.From, d.To = last.AddDate(0, 0, 1-trendDays).Format(time.DateOnly), last.Format(time.DateOnly)
	}
	return c.render(w, r, http.StatusOK, "sampling", d)
}

// reviewers are the users who may judge.
func (c *Console) reviewers(ctx context.Context) ([]postgres.User, error) {
	all, err := c.store.Users(ctx)
	if err != nil {
		return nil, fmt.Errorf("reviewers: %w", err)
	}
	return slices.DeleteFunc(all, func(u postgres.User) bool { return u.Disabled || !may(Role(u.Role), permReview) }), nil
}

// drawSample draws a sample as the form says.
func (c *Console) drawSample(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil {
		return errBadRequest
	}
	spec, err := c.sampleSpec(r.Context(), r.PostForm)
	if err != nil {
		return err
	}
	id, err := c.store.DrawSample(r.Context(), visitorOf(r).scope, spec, actor(r))
	switch {
	case errors.Is(err, postgres.ErrNothingToDraw):
		return errSampleEmpty
	case errors.Is(err, postgres.ErrOneReviewer):
		return errSampleReviewers
	case err != nil:
		return fmt.Errorf("draw a sample: %w", err)
	}
	http.Redirect(w, r, "/sampling/"+id, http.StatusSeeOther)
	return nil
}

func (c *Console) sampleSpec(ctx context.Context, f url.Values) (s postgres.SampleSpec, err error) {
	s = postgres.SampleSpec{Kind: postgres.SampleKind(f.Get("kind")), Title: strings.TrimSpace(f.Get("title")), Period: f.Get("period"),
		Team: f.Get("team"), Principal: f.Get("principal"), Prior: expectedMisses, Seed: rand.Text(), Rules: c.rules.Numbers(), Zone: c.loc}
	if s.Kind != postgres.SampleUnflagged && s.Kind != postgres.SampleCalibration || s.Period != "week" && s.Period != "month" ||
		s.Title == "" || utf8.RuneCountInString(s.Title) > 100 || strings.ContainsRune(s.Title, 0) {
		return s, errBadRequest
	}
	if s.From, err = c.day(f.Get("from")); err == nil {
		s.To, err = c.day(f.Get("to"))
	}
	if err != nil || s.From.IsZero() || s.To.IsZero() {
		return s, errBadRequest
	}
	s.To = s.To.AddDate(0, 0, 1)
	if err := checkSpan(s.From, s.To); err != nil {
		return s, err
	}
	if s.Kind == postgres.SampleUnflagged {
		half, err := strconv.Atoi(f.Get("half"))
		doubled, err2 := strconv.Atoi(f.Get("doubled"))
		if err != nil || err2 != nil || !slices.Contains(sampleHalves, half) || !slices.Contains(sampleDoubled, doubled) {
			return s, errBadRequest
		}
		s.Half, s.Doubled = float64(half)/100, float64(doubled)/100
	} else if s.Size, err = strconv.Atoi(f.Get("size")); err != nil || s.Size < 1 || s.Size > mostDrawn {
		return s, errBadRequest
	}
	users, err := c.reviewers(ctx)
	if err != nil {
		return s, err
	}
	for _, u := range users {
		if slices.Contains(f["reviewer"], u.ID) {
			s.Reviewers = append(s.Reviewers, postgres.SampleReviewer{ID: u.ID, Scope: ScopeOf(u)})
		}
	}
	if len(s.Reviewers) == 0 || s.Kind == postgres.SampleCalibration && len(s.Reviewers) < 2 {
		return s, errSampleReviewers
	}
	return s, nil
}

// expectedMisses is the share of recordings with a violation among those nothing was found in that sizes are worked out
// for: a larger one than is hoped for, so that the interval comes out no wider than wanted.
const expectedMisses = 0.10

func sampleID(r *http.Request) (string, error) {
	id, err := uuid.Parse(r.PathValue("sample"))
	if err != nil {
		return "", errNotFound
	}
	return id.String(), nil
}

func (c *Console) closeSample(w http.ResponseWriter, r *http.Request) error {
	id, err := sampleID(r)
	if err != nil {
		return err
	}
	if _, err := c.store.SampleResult(r.Context(), visitorOf(r).scope, id); err != nil {
		return fmt.Errorf("sample %s: %w", id, err)
	}
	if err := c.store.CloseSample(r.Context(), id, actor(r)); err != nil {
		return fmt.Errorf("close sample %s: %w", id, err)
	}
	http.Redirect(w, r, "/sampling/"+id, http.StatusSeeOther)
	return nil
}
