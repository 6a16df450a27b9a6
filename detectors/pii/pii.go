// Package pii finds personal data in what was said: names, telephone, card and identity numbers, addresses, amounts.
//
// It leans towards finding: a span too many costs a listener a word, a span too few gives a debtor away. Numbers are
// found as digits and as spoken (幺三八…), also where they are spread over several utterances of one speaker, and also
// where the recogniser lost a digit, so that no checksum fits. The package is pure: text in, spans out.
package pii

import (
	"cmp"
	"slices"

	"github.com/speechqa/speechqa/detectors"
)

// Kind is what a span gives away.
type Kind string

// The kinds. KindOther is never found; it is for spans people add.
const (
	KindName    Kind = "name"
	KindPhone   Kind = "phone"
	KindID      Kind = "id"      // identity card
	KindCard    Kind = "card"    // bank card
	KindNumber  Kind = "number"  // a long number, or a part of one, of no known kind; an account of a messenger
	KindAddress Kind = "address" // down to a house or a street
	KindAmount  Kind = "amount"  // money
	KindOther   Kind = "other"
)

// Kinds are all of them, in the order people read them.
var Kinds = []Kind{KindName, KindPhone, KindID, KindCard, KindNumber, KindAddress, KindAmount, KindOther}

// Span is a piece of a text, in bytes, on the edges of characters.
type Span struct {
	Start int  `json:"start"`
	End   int  `json:"end"`
	Kind  Kind `json:"kind"`
}

// Known is what other sources say of the people in a conversation; it is found wherever it is said.
type Known struct {
	Names   []string // also as a recogniser may misspell them: by sound
	Numbers []string // digits; any four of them in a row are found
}

// KnownOf is what a recording's metadata tells.
func KnownOf(m detectors.Metadata) Known {
	var k Known
	add := func(list *[]string, v string) {
		if v != "" {
			*list = append(*list, v)
		}
	}
	add(&k.Names, m.AgentName)
	add(&k.Numbers, m.Phone)
	for _, key := range slices.Sorted(mapKeys(m.Extra)) {
		switch key {
		case "customer_name", "debtor_name", "contact_name", "customer", "debtor", "客户姓名", "债务人姓名", "联系人姓名", "持卡人", "借款人":
			add(&k.Names, m.Extra[key])
		case "id_number", "id_card", "card", "card_number", "account", "phone2", "身份证号", "身份证", "卡号", "账号", "手机号2":
			add(&k.Numbers, m.Extra[key])
		}
	}
	return k
}

// Find gives the personal data in one text: sorted, without overlaps.
func Find(text string, known Known) []Span {
	return FindAll([]detectors.Utterance{{Text: text}}, known)[0]
}

// FindAll gives the personal data of a conversation, one list per utterance: sorted, without overlaps. It finds more
// than Find does on each: a name once said in full is known from then on, a number may go on in the speaker's next
// utterance, and a question for a number says what the answer is.
func FindAll(utterances []detectors.Utterance, known Known) [][]Span {
	lines := make([]line, len(utterances))
	for i, u := range utterances {
		lines[i] = newLine(u.Text)
	}
	found := make([][]Span, len(lines))
	names := slices.Clone(known.Names)
	for i := range lines {
		found[i] = lines[i].names()
		for _, s := range found[i] {
			names = append(names, lines[i].text[s.Start:s.End])
		}
	}
	sounds := soundsOf(names)
	for i := range lines {
		l := &lines[i]
		found[i] = append(found[i], l.known(sounds)...)
		found[i] = append(found[i], l.addresses()...)
		found[i] = append(found[i], l.amounts()...)
		var asked []rune
		if i > 0 {
			asked = lines[i-1].folded
		}
		found[i] = append(found[i], l.numbers(asked, known.Numbers)...)
	}
	for i, more := range longNumbers(utterances, lines) {
		found[i] = append(found[i], more...)
	}
	for i := range found {
		found[i] = Merge(found[i])
	}
	return found
}

// Merge sorts spans and joins those that overlap; the longest gives the kind.
func Merge(spans []Span) []Span {
	slices.SortStableFunc(spans, func(a, b Span) int { return cmp.Or(a.Start-b.Start, b.End-a.End) })
	var out []Span
	longest := 0 // length of the span that gave the last of out its kind
	for _, s := range spans {
		if s.End <= s.Start {
			continue
		}
		if n := len(out); n > 0 && s.Start < out[n-1].End {
			out[n-1].End = max(out[n-1].End, s.End)
			if s.End-s.Start > longest {
				out[n-1].Kind, longest = s.Kind, s.End-s.Start
			}
			continue
		}
		out = append(out, s)
		longest = s.End - s.Start
	}
	return out
}
