package detectors

import (
	"bufio"
	"os"
	"sync"
	"testing"

	"github.com/speechqa/speechqa/lexicon"
)

var defaultEngine = sync.OnceValues(func() (*Engine, error) {
	rs, err := lexicon.LoadDefault()
	if err != nil {
		return nil, err
	}
	return New(rs)
})

func engine(tb testing.TB) *Engine {
	tb.Helper()
	e, err := defaultEngine()
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

func dialogues(tb testing.TB, name string) []*Dialogue {
	tb.Helper()
	f, err := os.Open("../testdata/dialogues/" + name)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 16<<20)
	var out []*Dialogue
	for n := 1; sc.Scan(); n++ {
		d, err := ParseDialogue(sc.Bytes(), true)
		if err != nil {
			tb.Fatalf("%s:%d: %v", name, n, err)
		}
		out = append(out, d)
	}
	if err := sc.Err(); err != nil {
		tb.Fatal(err)
	}
	return out
}

func measure(e *Engine, ds []*Dialogue) *Quality {
	q := NewQuality()
	for _, d := range ds {
		q.Add(d, e.Inspect(&d.Conversation))
	}
	return q
}
