package web

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/speechqa/speechqa/detectors/pii"
	"github.com/speechqa/speechqa/storage/postgres"
)

// Numbers that tell who somebody is are masked wherever pages show text: telephone, identity and card numbers. Whoever
// may, and says so, sees those of one recording for a while; that is put on record.

// unmaskedLasts is how long a recording stays unmasked for who has asked for it.
const unmaskedLasts = 10 * time.Minute

// maskedKinds are the kinds of personal data that are masked. Names and amounts are what a reviewer judges by.
var maskedKinds = []pii.Kind{pii.KindPhone, pii.KindID, pii.KindCard, pii.KindNumber}

// numbers are mobile numbers, and what is long enough for an identity card or a bank card.
var numbers = regexp.MustCompile(`\d{14,18}[\dXx]|1[3-9]\d{9}`)

// maskNumbers hides such numbers in a text that nobody said, such as a file's name, but for the last four characters.
func maskNumbers(s string) string {
	at := 0
	var b strings.Builder
	for _, m := range numbers.FindAllStringIndex(s, -1) {
		if m[0] > 0 && isDigit(s[m[0]-1]) || m[1] < len(s) && isDigit(s[m[1]]) {
			continue // a part of a longer number
		}
		b.WriteString(s[at:m[0]])
		b.WriteString(strings.Repeat("*", m[1]-m[0]-4))
		at = m[1] - 4
	}
	return b.String() + s[at:]
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// maskSaid hides the numbers in one thing somebody said.
func maskSaid(text string, known pii.Known) string {
	return pii.Mask(text, maskedOnly(pii.Find(text, known)))
}

func maskedOnly(spans []pii.Span) []pii.Span {
	return slices.DeleteFunc(slices.Clone(spans), func(s pii.Span) bool { return !slices.Contains(maskedKinds, s.Kind) })
}

// maskReview hides the numbers in everything a recording's page shows, and says whether there were any. Masked text is
// as long as it was, so that evidence stands where it stood.
func maskReview(r *postgres.Review) (hidden bool) {
	set := func(s *string, masked string) {
		hidden = hidden || *s != masked
		*s = masked
	}
	known := pii.KnownOf(r.Recording.Metadata)
	known.Names = nil
	said := slices.Clone(r.Transcript.Utterances)
	spans := pii.FindAll(said, known)
	r.Transcript.Utterances = slices.Clone(said)
	for i := range said {
		set(&r.Transcript.Utterances[i].Text, pii.Mask(said[i].Text, maskedOnly(spans[i])))
	}
	r.Findings = slices.Clone(r.Findings)
	for i := range r.Findings {
		f := &r.Findings[i]
		quote := f.Quote
		if t, from, to := f.Turn, f.ByteStart, f.ByteEnd; t >= 0 && t < len(said) && 0 <= from && from <= to && to <= len(said[t].Text) && said[t].Text[from:to] == quote {
			set(&f.Quote, r.Transcript.Utterances[t].Text[from:to])
		} else {
			set(&f.Quote, maskSaid(quote, known))
		}
		if quote != f.Quote {
			set(&f.Why, strings.ReplaceAll(f.Why, quote, f.Quote))
			set(&f.Term, maskSaid(f.Term, known))
		}
		set(&f.Why, maskSaid(f.Why, known))
		set(&f.Note, maskNumbers(f.Note))
	}
	slots := map[string]bool{}
	for rule := range r.Slots {
		slots[rule] = true
	}
	for rule := range slots {
		r.Slots[rule] = slices.Clone(r.Slots[rule])
		for i := range r.Slots[rule] {
			set(&r.Slots[rule][i].Quote, maskSaid(r.Slots[rule][i].Quote, known))
		}
	}
	r.Transcript.Removed = slices.Clone(r.Transcript.Removed)
	for i := range r.Transcript.Removed {
		set(&r.Transcript.Removed[i].Text, maskSaid(r.Transcript.Removed[i].Text, known))
	}
	r.Trail = slices.Clone(r.Trail)
	for i := range r.Trail {
		set(&r.Trail[i].Note, maskNumbers(r.Trail[i].Note))
	}
	r.Dispositions = slices.Clone(r.Dispositions)
	for i := range r.Dispositions {
		set(&r.Dispositions[i].Note, maskNumbers(r.Dispositions[i].Note))
		set(&r.Dispositions[i].Told, maskNumbers(r.Dispositions[i].Told))
	}
	r.Corrections = slices.Clone(r.Corrections)
	for i := range r.Corrections {
		set(&r.Corrections[i].Note, maskNumbers(r.Corrections[i].Note))
		r.Corrections[i].Before.Findings = slices.Clone(r.Corrections[i].Before.Findings)
		for k := range r.Corrections[i].Before.Findings {
			f := &r.Corrections[i].Before.Findings[k]
			set(&f.Quote, maskSaid(f.Quote, known))
		}
	}
	set(&r.Recording.Object.Key, maskNumbers(r.Recording.Object.Key))
	set(&r.Recording.Metadata.CaseID, maskNumbers(r.Recording.Metadata.CaseID))
	return hidden || r.Recording.Metadata.Phone != ""
}

// unmasked says whether the visitor has asked to see this recording unmasked, a while ago at most.
func (c *Console) unmasked(r *http.Request, id string) bool {
	of, until, _ := strings.Cut(c.sessions.GetString(r.Context(), sessUnmasked), " ")
	t, err := time.Parse(time.RFC3339, until)
	return err == nil && of == id && time.Now().Before(t) && may(Role(visitorOf(r).user.Role), permUnmask)
}

// unmask shows the visitor one recording's numbers for a while; that he has asked is on record by then.
func (c *Console) unmask(w http.ResponseWriter, r *http.Request) error {
	review, err := c.review(r)
	if err != nil {
		return fmt.Errorf("unmask: %w", err)
	}
	id := review.Recording.ID
	c.sessions.Put(r.Context(), sessUnmasked, id+" "+time.Now().Add(unmaskedLasts).UTC().Format(time.RFC3339))
	http.Redirect(w, r, "/recordings/"+id, http.StatusSeeOther)
	return nil
}

// maskRoutes are what numbers are unmasked by.
func (c *Console) maskRoutes() []route {
	return []route{{"POST /recordings/{id}/unmask", permUnmask, c.unmask, "recording.unmask"}}
}
