package lexicon

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"io"
	"strings"
	"sync"

	"github.com/mozillazg/go-pinyin"
)

// Sound is how a character sounds: the toneless syllable, and the class of syllables that are often confused.
type Sound struct {
	Syllable uint16 // 0 for characters without a reading
	Class    uint16
}

type soundTable struct {
	mu    sync.RWMutex
	ids   map[string]uint16
	chars map[rune]Sound
}

var sounds = sync.OnceValue(func() *soundTable {
	t := &soundTable{ids: map[string]uint16{}, chars: make(map[rune]Sound, len(pinyin.PinyinDict))}
	args := pinyin.NewArgs()
	id := func(s string) uint16 {
		n, ok := t.ids[s]
		if !ok {
			n = uint16(len(t.ids) + 1)
			t.ids[s] = n
		}
		return n
	}
	for code := range pinyin.PinyinDict {
		r := rune(code)
		p := pinyin.SinglePinyin(r, args)
		if len(p) == 0 {
			continue
		}
		s := p[0]
		if fixed, ok := usualReading[r]; ok {
			s = fixed
		}
		t.chars[r] = Sound{Syllable: id(s), Class: id("~" + confuse(s))}
	}
	return t
})

// usualReading overrides the first dictionary reading where another is the usual one in this trade.
var usualReading = map[rune]string{'还': "huan", '行': "hang", '都': "dou", '得': "de", '的': "de", '了': "le", '着': "zhe", '地': "di", '重': "zhong", '调': "diao", '会': "hui"}

// confuse gives the class of a syllable: zh/z, ch/c, sh/s, l/n, ing/in, eng/en, ang/an are one.
func confuse(s string) string {
	for _, p := range [][2]string{{"zh", "z"}, {"ch", "c"}, {"sh", "s"}} {
		if strings.HasPrefix(s, p[0]) {
			s = p[1] + s[2:]
			break
		}
	}
	if strings.HasPrefix(s, "l") {
		s = "n" + s[1:]
	}
	for _, end := range []string{"ing", "eng", "ang"} {
		if strings.HasSuffix(s, end) {
			return s[:len(s)-1]
		}
	}
	return s
}

// SoundOf gives a character's sound.
func SoundOf(r rune) Sound { return sounds().chars[r] }

// words.txt.gz lists common words of two to four characters, from the frequency dictionary of gse (Apache-2.0).
//
//go:embed words.txt.gz
var commonWords []byte

var words = sync.OnceValue(func() map[string]struct{} {
	z, err := gzip.NewReader(bytes.NewReader(commonWords))
	if err != nil {
		panic(err) // embedded, checked by a test
	}
	data, err := io.ReadAll(z)
	if err != nil {
		panic(err)
	}
	m := map[string]struct{}{}
	for _, w := range strings.Split(string(data), "\n") {
		m[w] = struct{}{}
	}
	return m
})

// CommonWord says whether the text is an ordinary word, which then is not taken for a misheard other one.
func CommonWord(text string) bool {
	_, ok := words()[text]
	return ok
}
