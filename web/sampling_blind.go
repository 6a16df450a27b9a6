package web

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/storage/postgres"
)

// blindData is a recording without anything the rules or other people said of it.
type blindData struct {
	Task     postgres.SampleTask
	Last     bool // nobody's turn any more: the last word where reviewers differ
	Kind     detectors.Kind
	Turns    []turn
	AudioURL string
	Rules    []string
}

// blindTask is the visitor's task for the recording and sample of the address; ok is false where it is not his turn.
func (c *Console) blindTask(r *http.Request) (task postgres.SampleTask, last, ok bool, err error) {
	v := visitorOf(r)
	id, err := sampleID(r)
	if err != nil {
		return task, false, false, err
	}
	tasks, err := c.store.SampleTasks(r.Context(), v.scope, v.user.ID)
	if err != nil {
		return task, false, false, fmt.Errorf("samples to judge: %w", err)
	}
	for _, t := range tasks {
		if t.Sample == id {
			return t, false, t.Recording == r.PathValue("id"), nil
		}
	}
	if !may(Role(v.user.Role), permSample) {
		return task, false, false, nil
	}
	res, err := c.store.SampleResult(r.Context(), v.scope, id)
	if errors.Is(err, postgres.ErrNotFound) {
		return task, false, false, nil
	}
	if err != nil {
		return task, false, false, fmt.Errorf("sample %s: %w", id, err)
	}
	for _, item := range res.Items {
		if item.Recording == r.PathValue("id") && undecided(item) && !slices.ContainsFunc(item.Seats, func(s postgres.SampleSeat) bool { return s.Reviewer == v.user.ID }) {
			return postgres.SampleTask{Sample: id, Title: res.Title, Recording: item.Recording}, true, true, nil
		}
	}
	return task, false, false, nil
}

// blindPage shows one recording to be judged blind. Whoever has nothing to judge there is led back.
func (c *Console) blindPage(w http.ResponseWriter, r *http.Request) error {
	task, last, ok, err := c.blindTask(r)
	if err != nil {
		return err
	}
	if !ok {
		http.Redirect(w, r, "/sampling", http.StatusSeeOther)
		return nil
	}
	review, err := c.review(r)
	if err != nil {
		return err
	}
	review.Findings, review.Trail = nil, nil
	if !c.unmasked(r, review.Recording.ID) {
		maskReview(&review)
	}
	d := blindData{Task: task, Last: last, Kind: review.Recording.Kind, Turns: dialogue(review.Transcript.Utterances, nil), Rules: c.rules.Judgeable()}
	if may(Role(visitorOf(r).user.Role), permListen) {
		if d.AudioURL, err = c.audioURL(r, review.Recording.ID); err != nil {
			return err
		}
	}
	return c.render(w, r, http.StatusOK, "blind", d)
}

// judgeBlind stores a blind judgement and goes on to the next.
func (c *Console) judgeBlind(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil {
		return errBadRequest
	}
	rules, note, clean := r.PostForm["rule"], strings.TrimSpace(r.PostForm.Get("note")), r.PostForm.Get("clean") == "1"
	if clean == (len(rules) > 0) || utf8.RuneCountInString(note) > maxNote || !utf8.ValidString(note) || strings.ContainsRune(note, 0) {
		return errBadRequest // neither or both
	}
	known := c.rules.Judgeable()
	for _, rule := range rules {
		if !slices.Contains(known, rule) {
			return errBadRequest
		}
	}
	task, last, ok, err := c.blindTask(r)
	if err != nil {
		return err
	}
	if !ok {
		return errConflict
	}
	slices.Sort(rules)
	if err := c.store.JudgeSample(r.Context(), task.Sample, task.Recording, slices.Compact(rules), note, last, actor(r)); err != nil {
		return fmt.Errorf("judge %s of sample %s: %w", task.Recording, task.Sample, err)
	}
	if last {
		http.Redirect(w, r, "/sampling/"+task.Sample, http.StatusSeeOther)
		return nil
	}
	tasks, err := c.store.SampleTasks(r.Context(), visitorOf(r).scope, visitorOf(r).user.ID)
	if err != nil {
		return fmt.Errorf("samples to judge: %w", err)
	}
	for _, t := range tasks {
		if t.Sample == task.Sample {
			http.Redirect(w, r, "/recordings/"+t.Recording+"/blind/"+t.Sample, http.StatusSeeOther)
			return nil
		}
	}
	http.Redirect(w, r, "/sampling", http.StatusSeeOther)
	return nil
}
