package lexicon

import (
	"os/exec"
	"strings"
	"testing"
)

// opencc converts characters, a line each.
func opencc(t *testing.T, config, text string) []string {
	t.Helper()
	cmd := exec.Command("opencc", "-c", config)
	cmd.Stdin = strings.NewReader(text)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("opencc (Debian package opencc) is needed to check the table of simplified characters: %v", err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
}

// ours are variants that OpenCC leaves alone and speech to text writes for the usual character.
var ours = map[rune]rune{'妳': '你', '祇': '只', '著': '着'}

// TestSimplifiedAsOpenCC checks the table both ways: every pair is OpenCC's, and no character of the common block that
// OpenCC simplifies is missing.
func TestSimplifiedAsOpenCC(t *testing.T) {
	var list strings.Builder
	var all []rune
	for r := rune(0x4e00); r <= 0x9fff; r++ {
		all = append(all, r)
		list.WriteRune(r)
		list.WriteByte('\n')
	}
	mainland, hongkong := opencc(t, "t2s.json", list.String()), opencc(t, "hk2s.json", list.String())
	if len(mainland) != len(all) || len(hongkong) != len(all) {
		t.Fatalf("opencc answered %d and %d lines for %d", len(mainland), len(hongkong), len(all))
	}
	pairs, bad := 0, 0
	for i, r := range all {
		got := string(r)
		if s, ok := t2s()[r]; ok {
			got = string(s)
			pairs++
		}
		if ours[r] != 0 && got == string(ours[r]) {
			continue
		}
		if []rune(mainland[i])[0] > 0xffff {
			continue // rare characters whose simplified form lies beyond the basic plane: no rule is written with them
		}
		if got != mainland[i] && got != hongkong[i] {
			if bad++; bad <= 10 {
				t.Errorf("%c becomes %s, opencc says %s (t2s) or %s (hk2s)", r, got, mainland[i], hongkong[i])
			}
		}
	}
	if pairs < 2000 || bad > 0 {
		t.Errorf("%d pairs checked, %d differ", pairs, bad)
	}
}
