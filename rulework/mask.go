package rulework

import (
	"strings"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/detectors/pii"
)

// Mask takes out of a sentence what names a person or a place: a name becomes 某某, a place 某地, a number ×××. In the quote,
// which is the evidence, numbers keep their length and become zeros, for rules look for digits there, and an example that
// no longer holds says nothing. Amounts stay. It returns the sentence and the quote as it stands in it.
func Mask(text, quote string, m detectors.Metadata) (masked, evidence string) {
	spans := pii.Find(text, pii.KnownOf(m))
	from := strings.Index(text, quote)
	if quote == "" || from < 0 {
		return maskSpans(text, 0, spans, mask), quote
	}
	to := from + len(quote)
	for _, s := range spans { // what lies across the quote's edge belongs to it
		if s.Kind != pii.KindAmount && s.Start < to && from < s.End {
			from, to = min(from, s.Start), max(to, s.End)
		}
	}
	evidence = maskSpans(text[from:to], from, spans, maskEvidence)
	return maskSpans(text[:from], 0, spans, mask) + evidence + maskSpans(text[to:], to, spans, mask), evidence
}

// maskSpans replaces the spans that lie in a part of a text beginning at byte at.
func maskSpans(part string, at int, spans []pii.Span, by func(pii.Kind, string) string) string {
	var b strings.Builder
	done := 0
	for _, s := range spans {
		start, end := s.Start-at, s.End-at
		if s.Kind == pii.KindAmount || start < done || end > len(part) {
			continue
		}
		b.WriteString(part[done:start])
		b.WriteString(by(s.Kind, part[start:end]))
		done = end
	}
	b.WriteString(part[done:])
	return b.String()
}

func mask(k pii.Kind, _ string) string {
	switch k {
	case pii.KindName:
		return "某某"
	case pii.KindAddress:
		return "某地"
	}
	return "×××"
}

// maskEvidence keeps the form of numbers: digits become 0, spoken ones 零.
func maskEvidence(k pii.Kind, said string) string {
	if k == pii.KindName || k == pii.KindAddress {
		return mask(k, said)
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9':
			return '0'
		case strings.ContainsRune("零〇一二三四五六七八九两幺", r):
			return '零'
		}
		return r
	}, said)
}
