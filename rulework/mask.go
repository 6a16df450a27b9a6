package rulework

import (
	"slices"
	"strings"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/detectors/pii"
)

// Mask takes out of a sentence what names a person or a place: a name becomes 某某, a number ×××. The evidence itself, the
// quote, stays as it was said: an example without it would prove nothing. Amounts stay, for rules look for them.
func Mask(text, quote string, m detectors.Metadata) string {
	spans := pii.Find(text, pii.KnownOf(m))
	from := strings.Index(text, quote)
	spans = slices.DeleteFunc(spans, func(s pii.Span) bool {
		return s.Kind == pii.KindAmount || quote != "" && from >= 0 && s.Start < from+len(quote) && from < s.End
	})
	var b strings.Builder
	at := 0
	for _, s := range spans {
		b.WriteString(text[at:s.Start])
		b.WriteString(mask(s.Kind))
		at = s.End
	}
	b.WriteString(text[at:])
	return b.String()
}

func mask(k pii.Kind) string {
	switch k {
	case pii.KindName:
		return "某某"
	case pii.KindAddress:
		return "某地"
	}
	return "×××"
}
