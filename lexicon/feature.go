package lexicon

import (
	"fmt"
	"strings"
)

// Feature is the hash of one observation about an utterance. Its name in the model's file says what was observed, and
// the hash is made from that name again when the file is read:
//
//	还钱            characters
//	音:还钱         how characters sound
//	词表:@jail      a word list or set of which something occurs
//	词表:@jail+要挟  two of them
//	听者:debtor     who hears it
type Feature uint64

// The kinds of features begin their hashes differently.
const (
	seedSound    = 10 // plus the number of characters
	seedList     = 20
	seedPair     = 21
	seedListener = 22
)

const (
	prefixSound    = "音:"
	prefixList     = "词表:"
	prefixListener = "听者:"
)

const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

func hashRunes(seed byte, rs []rune) Feature {
	h := (uint64(fnvOffset) ^ uint64(seed)) * fnvPrime
	for _, r := range rs {
		for k := 0; k < 3; k++ {
			h = (h ^ uint64(byte(r>>(8*k)))) * fnvPrime
		}
	}
	return Feature(h)
}

func hashString(seed byte, s string) Feature {
	h := (uint64(fnvOffset) ^ uint64(seed)) * fnvPrime
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * fnvPrime
	}
	return Feature(h)
}

// CharFeature is a run of folded characters.
func CharFeature(rs []rune) Feature { return hashRunes(byte(len(rs)), rs) }

// CharName names a CharFeature.
func CharName(text string) string { return text }

// SoundFeature is how a run of at most four characters sounds.
func SoundFeature(rs []rune) Feature {
	var classes [4]rune
	n := copy(classes[:], rs)
	for i := range n {
		classes[i] = rune(SoundOf(rs[i]).Class)
	}
	return hashRunes(seedSound+byte(n), classes[:n])
}

// SoundName names a SoundFeature by one of the writings that sound so.
func SoundName(text string) string { return prefixSound + text }

// ListFeature is a word list or set.
func ListFeature(name string) Feature { return hashString(seedList, name) }

// ListName names a ListFeature.
func ListName(name string) string { return prefixList + name }

// PairFeature is two word lists or sets, in the order of their names.
func PairFeature(a, b string) Feature { return hashString(seedPair, a+"+"+b) }

// PairName names a PairFeature.
func PairName(a, b string) string { return prefixList + a + "+" + b }

// ListenerFeature is the role of whoever hears it.
func ListenerFeature(role string) Feature { return hashString(seedListener, role) }

// ListenerName names a ListenerFeature.
func ListenerName(role string) string { return prefixListener + role }

// FeatureKind says what a feature is about.
type FeatureKind int

// Kinds of features.
const (
	FeatureChars FeatureKind = iota
	FeatureSounds
	FeatureList
	FeatureListener
)

// FeatureText takes a feature's name apart: what it is about, and the characters, or the name of a list, pair or role.
func FeatureText(name string) (text string, kind FeatureKind) {
	for _, p := range []struct {
		prefix string
		kind   FeatureKind
	}{{prefixSound, FeatureSounds}, {prefixList, FeatureList}, {prefixListener, FeatureListener}} {
		if rest, ok := strings.CutPrefix(name, p.prefix); ok {
			return rest, p.kind
		}
	}
	return name, FeatureChars
}

// featureOf makes the hash from the name.
func featureOf(name string) (Feature, error) {
	text, kind := FeatureText(name)
	switch kind {
	case FeatureSounds:
		rs := []rune(text)
		if len(rs) == 0 || len(rs) > 4 {
			return 0, fmt.Errorf("feature %q: one to four characters", name)
		}
		return SoundFeature(rs), nil
	case FeatureListener:
		return ListenerFeature(text), nil
	case FeatureList:
		if a, b, two := strings.Cut(text, "+"); two {
			return PairFeature(a, b), nil
		}
		return ListFeature(text), nil
	}
	if name == "" {
		return 0, fmt.Errorf("a feature without a name")
	}
	return CharFeature([]rune(text)), nil
}
