package lexicon

import (
	_ "embed"
	"sync"
	"unicode"

	"golang.org/x/text/width"
)

// t2s.txt holds pairs of a traditional or variant character and its simplified form, made with Debian's opencc
// (t2s and hk2s, data under Apache-2.0).
//
//go:embed t2s.txt
var t2sPairs string

var t2s = sync.OnceValue(func() map[rune]rune {
	m := make(map[rune]rune, 4000)
	rs := []rune(t2sPairs)
	for i := 0; i+1 < len(rs); i += 2 {
		m[rs[i]] = rs[i+1]
	}
	return m
})

// dialect holds characters that regional speech writes for a usual one, where one character stands for one: 俺恁 of the
// central plains, 侬 of Shanghai, 佢唔冇 of Canton. Rules and transcripts are folded alike, so a rule written in the
// standard language hears them too. 她 is among them because a recogniser cannot hear the difference.
var dialect = map[rune]rune{
	'俺': '我', '咱': '我', '恁': '你', '侬': '你', '佢': '他', '伊': '他', '她': '他', '嘅': '的', '嘞': '的', '唔': '不', '冇': '没',
	'喺': '在', '畀': '给', '俾': '给', '嚟': '来', '咗': '了', '睇': '看', '瞅': '看', '揾': '找', '甭': '别', '莫': '别', '勿': '不', '爹': '爸',
}

// CompareRune gives the form in which a character is compared: FoldRune, and the standard character for dialect.
func CompareRune(r rune) rune {
	r = FoldRune(r)
	if s, ok := dialect[r]; ok {
		return s
	}
	return r
}

// FoldRune gives the plain form of a character: half width, lower case, simplified.
func FoldRune(r rune) rune {
	if r < 0x80 {
		if r >= 'A' && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}
	if f := width.LookupRune(r).Folded(); f != 0 {
		r = f
	}
	if s, ok := t2s()[r]; ok {
		return s
	}
	return unicode.ToLower(r)
}

// Filler says whether a character is a hesitation that carries no meaning.
func Filler(r rune) bool {
	switch r {
	case '嗯', '呃', '唉', '哎', '诶', '欸', '喔':
		return true
	}
	return false
}

// Stutters says whether a doubled character is a stutter and not a word (天天, 谢谢 are words).
func Stutters(r rune) bool {
	switch r {
	case '我', '你', '您', '他', '她', '那', '这', '就', '要', '把', '给', '跟', '在', '有', '不', '再', '让', '都', '也', '会', '能', '到':
		return true
	}
	return false
}
