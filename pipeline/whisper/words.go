package whisper

import (
	"math"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/speechqa/speechqa/lexicon"
)

// glyphs is a piece of whole characters with one probability and one stretch of time: one token, or several
// where a character's bytes are spread over tokens.
type glyphs struct {
	text  string
	p     float64 // mean probability of its tokens
	start float64 // seconds of the window
	end   float64
}

// wholeCharacters joins tokens until their bytes are whole characters. Bytes that never become a character are
// dropped, as are control characters; traditional characters become simplified ones. Segments are passed together because whisper.cpp may also cut a character
// between two of them; the result says which segment each piece began in.
func wholeCharacters(segments []segment) (out []glyphs, from []int) {
	var (
		bytes      []byte
		p          float64
		n          int
		start, end float64
		seg        int
	)
	flush := func() {
		text := strings.Map(func(r rune) rune {
			switch {
			case r == utf8.RuneError || unicode.IsControl(r):
				return -1
			case unicode.Is(unicode.Han, r):
				return lexicon.FoldRune(r) // simplified; before spans are counted, so that they stay right
			}
			return r
		}, string(bytes))
		if text != "" {
			out = append(out, glyphs{text: text, p: p / float64(n), start: start, end: math.Max(start, end)})
			from = append(from, seg)
		}
		bytes, p, n = nil, 0, 0
	}
	for i, s := range segments {
		for _, t := range s.Tokens {
			if n > 0 && startsCharacter(t.Text) {
				flush() // what was pending will never be completed
			}
			if n == 0 {
				start, seg = t.Start, i
			}
			bytes = append(bytes, t.Text...)
			end = t.End
			p += t.P
			n++
			if utf8.Valid(bytes) {
				flush()
			}
		}
	}
	if n > 0 {
		flush()
	}
	return out, from
}

func startsCharacter(b []byte) bool { return len(b) > 0 && utf8.RuneStart(b[0]) }

// silentRune tells characters that are not spoken: punctuation, spaces, symbols.
func silentRune(r rune) bool {
	return unicode.IsPunct(r) || unicode.IsSpace(r) || unicode.IsSymbol(r)
}

// spoken is the text without what is not spoken.
func spoken(s string) string {
	return strings.Map(func(r rune) rune {
		if silentRune(r) {
			return -1
		}
		return r
	}, s)
}

// latin tells that text continues a word written in letters or digits of the Latin script: such words come in
// several tokens and are one word to everybody.
func latin(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

func endsLatin(s string) bool {
	r, _ := utf8.DecodeLastRuneInString(s)
	return r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

func lastRune(s string) rune {
	r, _ := utf8.DecodeLastRuneInString(s)
	return r
}
