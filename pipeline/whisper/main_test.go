package whisper

import (
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/speechqa/speechqa/pipeline/audio"
)

// TestMain lets the pool start this test binary as its child, and gives all tests one pool: loading the model
// costs time and memory.
func TestMain(m *testing.M) {
	ServeIfChild()
	code := m.Run()
	if shared.t != nil {
		if err := shared.t.Close(); err != nil {
			println(err.Error())
			code = 1
		}
	}
	os.Exit(code)
}

const demoModel = "../../testdata/model/ggml-demo-zh.bin"

var shared struct {
	once sync.Once
	t    *Transcriber
	err  error
}

// demo returns the transcriber all tests share.
func demo(t *testing.T) *Transcriber {
	t.Helper()
	shared.once.Do(func() {
		shared.t, shared.err = Open(Options{Pool: PoolConfig{Model: demoModel}, VAD: audio.EnergyVAD{}})
	})
	if shared.err != nil {
		t.Fatalf("the demo model must be in testdata/model: %v", shared.err)
	}
	return shared.t
}

// turn is a line of a sample's JSON: what is said, by whom and when.
type turn struct {
	Speaker    string
	Start, End float64
	Text       string
}

func turnsOf(t testing.TB, sample string) []turn {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../../testdata/samples", sample+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var ts []turn
	if err := json.Unmarshal(b, &ts); err != nil {
		t.Fatal(err)
	}
	return ts
}

func openSample(t testing.TB, sample string) *audio.Recording {
	t.Helper()
	return openFile(t, filepath.Join("../../testdata/samples", sample+".wav"))
}

func openFile(t testing.TB, path string) *audio.Recording {
	t.Helper()
	rec, err := audio.Open(t.Context(), path, audio.Options{TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := rec.Close(); err != nil {
			t.Error(err)
		}
	})
	return rec
}
