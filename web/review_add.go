package web

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/storage/postgres"
)

// howPerson is how a finding was made that a person added.
const howPerson = "person"

// addFinding stores a finding that the rules missed: marked in one utterance, or about the whole recording.
func (c *Console) addFinding(w http.ResponseWriter, r *http.Request) error {
	a, grade, err := c.act(w, r)
	if err != nil {
		return err
	}
	note, err := written(r, "note", maxNote)
	if err != nil {
		return err
	}
	review, err := c.store.Review(r.Context(), a.RecordingID)
	if err != nil {
		return fmt.Errorf("recording %s: %w", a.RecordingID, err)
	}
	f := detectors.Finding{Rule: r.PostForm.Get("rule"), Turn: -1, How: howPerson, Confidence: 1}
	if f.Severity, err = c.severityOf(review, f.Rule); err != nil {
		return err
	}
	if s := r.PostForm.Get("turn"); s != "" {
		if err := mark(&f, review, s, r.PostForm.Get("from"), r.PostForm.Get("to")); err != nil {
			return err
		}
	}
	f.Key = detectors.FindingKey(a.RecordingID, f.Rule, howPerson+":"+f.Quote, occurrence(review, f))
	if err := c.store.AddFinding(r.Context(), postgres.Addition{Act: a, Finding: f, Note: note}, grade); err != nil {
		return fmt.Errorf("add a finding to %s: %w", a.RecordingID, err)
	}
	return backTo(w, r, a.RecordingID)
}

func (c *Console) severityOf(review postgres.Review, rule string) (detectors.Severity, error) {
	live := c.rules.Running(review.Recording.Kind)
	i := slices.IndexFunc(live, func(l RunningRule) bool { return l.ID == rule })
	if i < 0 {
		return "", errBadRequest
	}
	return live[i].Severity, nil
}

// mark fills in the place of a finding: characters from..to of an utterance. Its time is that of the words, where they
// have times, else the utterance's.
func mark(f *detectors.Finding, review postgres.Review, turn, from, to string) error {
	t, err1 := strconv.Atoi(turn)
	i, err2 := strconv.Atoi(from)
	j, err3 := strconv.Atoi(to)
	us := review.Transcript.Utterances
	if err1 != nil || err2 != nil || err3 != nil || t < 0 || t >= len(us) || i < 0 || j <= i || j > utf8.RuneCountInString(us[t].Text) {
		return errBadRequest
	}
	u := us[t]
	chars := []rune(u.Text)
	f.Turn, f.ByteStart, f.Quote = t, len(string(chars[:i])), string(chars[i:j])
	f.ByteEnd = f.ByteStart + len(f.Quote)
	f.Start, f.End = u.Start, u.End
	said := slices.DeleteFunc(slices.Clone(u.Words), func(w detectors.Word) bool {
		return w.End <= f.ByteStart || w.Start >= f.ByteEnd || w.To <= w.From
	})
	if len(said) > 0 {
		f.Start, f.End = said[0].From, said[len(said)-1].To
	}
	return nil
}

// occurrence is the how-manieth of its text a finding of a person is: those of the same rule and text before it count.
func occurrence(review postgres.Review, f detectors.Finding) int {
	n := 1
	for _, g := range review.Findings {
		if g.Added && g.Rule == f.Rule && g.Quote == f.Quote && (g.Turn != f.Turn || g.ByteStart != f.ByteStart) {
			n++
		}
	}
	return n
}
