package whisper

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline/audio"
	"github.com/speechqa/speechqa/pipeline/audio/audiotest"
)

// parentEnv makes this test binary a parent that holds a pool and waits to be killed, see TestParentKilled.
const parentEnv = "SPEECHQA_TEST_ASR_PARENT"

// TestMain lets pools start this test binary as their child, and closes the pool that all tests share.
func TestMain(m *testing.M) {
	ServeIfChild()
	if os.Getenv(parentEnv) != "" {
		holdPool()
	}
	code := m.Run()
	if shared.t != nil {
		if err := shared.t.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

const demoModel = "../../testdata/model/ggml-demo-zh.bin"

// shared is one transcriber for all tests that need no own: loading the model costs time and memory.
var shared struct {
	once sync.Once
	t    *Transcriber
	err  error
}

func demo(t testing.TB) *Transcriber {
	t.Helper()
	shared.once.Do(func() {
		shared.t, shared.err = Open(Options{Pool: PoolConfig{Model: demoModel}, VAD: audio.EnergyVAD{}})
	})
	if shared.err != nil {
		t.Fatalf("the demo model must be in testdata/model: %v", shared.err)
	}
	return shared.t
}

// own returns a transcriber of the test's own, with a log handler that is told of every child that starts.
func own(t *testing.T, opt Options, started func(pid int)) *Transcriber {
	t.Helper()
	opt.Pool.Model = demoModel
	opt.Pool.Log = childLog(started)
	opt.VAD = audio.EnergyVAD{}
	tr, err := Open(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tr.Close(); err != nil {
			t.Error(err)
		}
	})
	return tr
}

var samples = []string{"01-clean-call", "02-threat", "03-impersonation", "04-waiver", "05-third-party",
	"06-private-payment", "07-visit", "08-clean-third-party"}

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

func kindOf(sample string) detectors.Kind {
	if strings.Contains(sample, "visit") {
		return detectors.KindVisit
	}
	return detectors.KindCall
}

func openSample(t testing.TB, sample string) *audio.Recording {
	t.Helper()
	return audiotest.Open(t, filepath.Join("../../testdata/samples", sample+".wav"))
}

// heardSamples caches transcripts: hearing all samples takes half a minute and several tests look at them.
var heardSamples sync.Map

func hearSample(t testing.TB, sample string) detectors.Transcript {
	t.Helper()
	if v, ok := heardSamples.Load(sample); ok {
		return v.(detectors.Transcript)
	}
	tr, err := demo(t).Transcribe(t.Context(), openSample(t, sample), kindOf(sample), detectors.Metadata{})
	if err != nil {
		t.Fatal(err)
	}
	heardSamples.Store(sample, tr)
	return tr
}

// said is all text of a transcript without punctuation, in order.
func said(tr detectors.Transcript) string {
	var b strings.Builder
	for _, u := range tr.Utterances {
		b.WriteString(spoken(u.Text))
	}
	return b.String()
}

// soon bounds waits for what must happen at once; generous, because test machines are busy.
const soon = 20 * time.Second

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(soon); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("%s: not within %v", what, soon)
}

func write(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}
