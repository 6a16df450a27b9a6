package web

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/storage/postgres"
)

// However damaged the spans are, the pieces of an utterance together are its text, cut between characters.
func TestPiecesKeepTheText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u := detectors.Utterance{Text: rapid.String().Draw(t, "text")}
		offset := rapid.IntRange(-3, len(u.Text)+3)
		var fs []postgres.JudgedFinding
		for i := range rapid.IntRange(0, 4).Draw(t, "findings") {
			f := postgres.JudgedFinding{}
			f.Key, f.ByteStart, f.ByteEnd = string(rune('a'+i)), offset.Draw(t, "from"), offset.Draw(t, "to")
			fs = append(fs, f)
		}
		for range rapid.IntRange(0, 3).Draw(t, "words") {
			u.Words = append(u.Words, detectors.Word{Start: offset.Draw(t, "ws"), End: offset.Draw(t, "we"), Confidence: .1})
		}
		var b strings.Builder
		for _, p := range pieces(u, fs) {
			if !utf8.ValidString(p.Text) {
				t.Fatalf("piece %q is cut inside a character", p.Text)
			}
			b.WriteString(p.Text)
		}
		if b.String() != u.Text {
			t.Fatalf("pieces make %q of %q", b.String(), u.Text)
		}
	})
}

func TestPiecesOfOverlappingEvidence(t *testing.T) {
	u := detectors.Utterance{Text: "今天不还钱明天坐牢"}
	fs := []postgres.JudgedFinding{{}, {}}
	fs[0].Key, fs[0].ByteStart, fs[0].ByteEnd = "a", 0, 15 // 今天不还钱
	fs[1].Key, fs[1].ByteStart, fs[1].ByteEnd = "b", 9, 27 // 还钱明天坐牢
	var got []string
	for _, p := range pieces(u, fs) {
		got = append(got, p.Finding+":"+p.Text)
	}
	if want := []string{"a:今天不", "a:还钱", "b:明天坐牢"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLocalPath(t *testing.T) {
	for in, want := range map[string]string{
		"/recordings/1?a=b": "/recordings/1?a=b", "": "/", "//evil.example": "/", "https://evil.example/": "/",
		`/\evil.example`: "/", "javascript:alert(1)": "/", "recordings": "/", "/a\r\nSet-Cookie: b": "/",
	} {
		if got := localPath(in); got != want {
			t.Errorf("localPath(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestMissingBundleIsAnErrorWithTheRemedy(t *testing.T) {
	_, err := loadAssets(fstest.MapFS{"assets/dist/README": {}})
	if !errors.Is(err, ErrNoAssets) || !strings.Contains(err.Error(), "make assets") {
		t.Errorf("err = %v", err)
	}
}

func TestClockAndTail(t *testing.T) {
	for in, want := range map[float64]string{0: "0:00", 59.9: "0:59", 61: "1:01", 3723: "1:02:03", -1: "0:00"} {
		if got := clock(in); got != want {
			t.Errorf("clock(%v) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{"13800001234": "···1234", "123": "123", "": ""} {
		if got := phoneTail(in); got != want {
			t.Errorf("phoneTail(%q) = %q, want %q", in, got, want)
		}
	}
}
