package lexicon

import (
	"sync"
	"unicode"
)

// CharKind says what a character does in running text. The kinds are bits.
type CharKind uint8

// Kinds of characters.
const (
	CharWord     CharKind = 1 << iota // belongs to the text that is compared: a letter, a digit or %
	CharSpoken                        // as written a letter or a digit, so an utterance that holds one is not empty
	CharFiller                        // a hesitation, left out
	CharStutter                       // left out where it follows itself
	CharPause                         // punctuation, a space: something is between the words
	CharSentence                      // the end of a sentence
	CharQuestion                      // the end of a question
	CharNumber                        // a digit or numeral, or a unit such as 千
)

// Char is all that reading a transcript asks of a character, looked up once.
type Char struct {
	Fold  uint16 // the character as compared; see CompareRune
	Kind  CharKind
	Sound Sound // of Fold
}

// Chars knows the characters of the basic plane; all others by CharOf.
type Chars [0x10000]Char

// CharTable returns the table of all characters of the basic plane.
var CharTable = sync.OnceValue(func() *Chars {
	t := new(Chars)
	for r := range rune(len(t)) {
		f := CompareRune(r)
		t[r] = Char{Fold: uint16(f), Kind: kindOf(r, f), Sound: sounds().of(f)}
	}
	return t
})

// CharOf gives the folded form and the kind of any character.
func CharOf(r rune) (fold rune, kind CharKind) {
	if uint32(r) < 0x10000 {
		c := &CharTable()[r]
		return rune(c.Fold), c.Kind
	}
	f := CompareRune(r)
	return f, kindOf(r, f)
}

func kindOf(written, r rune) CharKind {
	var k CharKind
	if unicode.IsLetter(written) || unicode.IsDigit(written) {
		k |= CharSpoken
	}
	if _, ok := numerals[r]; ok {
		k |= CharNumber
	}
	switch {
	case Filler(r):
		return k | CharFiller
	case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '%':
		k |= CharWord
		if Stutters(r) {
			k |= CharStutter
		}
		return k
	case r == '。' || r == '!' || r == ';':
		return k | CharPause | CharSentence
	case r == '?':
		return k | CharPause | CharSentence | CharQuestion
	}
	return k | CharPause
}
