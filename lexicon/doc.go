// Package lexicon holds language: normalisation with offsets back to the original text, pinyin, matching of
// many terms at once by character and by sound, and the rules and word lists as data.
package lexicon
