package lexicon

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"io"
	"maps"
	"slices"
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
	basic [0x10000]Sound
	rest  map[rune]Sound // beyond the basic plane
}

var sounds = sync.OnceValue(func() *soundTable {
	spelling := make(map[rune]string, len(pinyin.PinyinDict))
	syllables, classes := map[string]uint16{}, map[string]uint16{}
	for code, readings := range pinyin.PinyinDict {
		s, ok := usualReading[rune(code)]
		if !ok {
			s, _, _ = strings.Cut(readings, ",")
			s = toneless.Replace(s)
		}
		spelling[rune(code)] = s
		syllables[s], classes[confuse(s)] = 0, 0
	}
	number(syllables)
	number(classes)
	t := &soundTable{rest: map[rune]Sound{}}
	for r, s := range spelling {
		sound := Sound{Syllable: syllables[s], Class: classes[confuse(s)]}
		if int(r) < len(t.basic) {
			t.basic[r] = sound
		} else {
			t.rest[r] = sound
		}
	}
	return t
})

// number gives the keys numbers from 1 on in alphabetical order. They must be the same in every process: the features
// of the model are hashes of them.
func number(keys map[string]uint16) {
	for i, k := range slices.Sorted(maps.Keys(keys)) {
		keys[k] = uint16(i + 1)
	}
}

// toneless takes the tone marks off a syllable; ü is written v.
var toneless = strings.NewReplacer(
	"ā", "a", "á", "a", "ǎ", "a", "à", "a", "ē", "e", "é", "e", "ě", "e", "è", "e", "ō", "o", "ó", "o", "ǒ", "o", "ò", "o",
	"ī", "i", "í", "i", "ǐ", "i", "ì", "i", "ū", "u", "ú", "u", "ǔ", "u", "ù", "u", "ü", "v", "ǘ", "v", "ǚ", "v", "ǜ", "v",
	"ń", "n", "ň", "n", "ǹ", "n", "ḿ", "m")

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
func SoundOf(r rune) Sound { return sounds().of(r) }

func (t *soundTable) of(r rune) Sound {
	if uint32(r) < uint32(len(t.basic)) {
		return t.basic[r]
	}
	return t.rest[r]
}

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
