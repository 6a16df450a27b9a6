package whisper

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/lexicon"
	"github.com/speechqa/speechqa/pipeline/audio"
	"github.com/speechqa/speechqa/pipeline/audio/audiotest"
)

// cpu is the processor time this process has used.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// editDistance counts what must be changed to turn a into b: substitutions, insertions, deletions.
func editDistance(a, b []rune) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j := range b {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// tally adds up what a way of hearing costs and how much it gets wrong.
type tally struct {
	cpu           time.Duration
	audio         float64 // seconds of recording
	wrong, length int     // characters
	written       int     // characters
	windows       int
	spent         account
}

func (s *tally) text(want, got string) {
	s.wrong += editDistance([]rune(spoken(want)), []rune(spoken(got)))
	s.length += len([]rune(spoken(want)))
	s.written += len([]rune(spoken(got)))
}

func (s *tally) cer() float64     { return 100 * float64(s.wrong) / float64(s.length) }
func (s *tally) perHour() float64 { return s.each(s.cpu) }

// each is a time per hour of recording, in seconds.
func (s *tally) each(d time.Duration) float64 { return d.Seconds() / s.audio * 3600 }

// BenchmarkHearing compares, in one run and one process, ways to give the stereo samples to the same model:
// speech regions packed into windows (as Transcribe does), each channel whole, and both sides mixed. It reports
// core-seconds per hour of recording and the character error rate against what is really said. The model's own
// profile is used for the decoding parameters, but for the rows that end in -cli: those decode as whisper-cli does
// when nothing is said. All rows but the last use flash attention, whisper.cpp's default, which is the faster
// for full windows. One thread, because a second one that waits counts as processor time, too. Beside the sum it reports where
// the time went (see account), the fall-backs and how many characters came out.
// SPEECHQA_BENCH_MODEL names another model.
func BenchmarkHearing(b *testing.B) {
	model := demoModel
	if m := os.Getenv("SPEECHQA_BENCH_MODEL"); m != "" {
		model = m
	}
	profile, err := LoadProfile(model)
	if err != nil {
		b.Fatal(err)
	}
	load := func(flash bool) *engine {
		e, err := openEngine(engineConfig{Model: model, Threads: 1, FlashAttn: flash})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(e.close)
		return e
	}
	plain, own := load(true), load(!profile.NoFlashAttn)
	d := profile.Decoding
	full := d
	full.AudioCtx = 0 // whisper.cpp given a file uses its whole context
	cli := full
	cli.Beam, cli.BestOf, cli.TemperatureInc, cli.SuppressNonSpeech = 5, 5, 0.2, false

	stereo := []string{"01-clean-call", "02-threat", "04-waiver", "05-third-party", "06-private-payment"}
	sides := func(s string) [2]string {
		var out [2]string
		for _, turn := range turnsOf(b, s) {
			if turn.Speaker == "a" {
				out[0] += turn.Text
			} else {
				out[1] += turn.Text
			}
		}
		return out
	}
	whole := func(b *testing.B, pcm []float32, d Decoding, n *tally) string {
		segs, err := plain.full(b.Context(), pcm, d)
		if err != nil {
			b.Fatal(err)
		}
		n.windows += (len(pcm) + 30*sampleRate - 1) / (30 * sampleRate)
		return textOf(segs)
	}
	packed := func(e *engine, c packing) func(*testing.B, string, *audio.Recording, *tally) {
		return func(b *testing.B, s string, rec *audio.Recording, n *tally) {
			var perChannel [][]window
			for ch := range 2 {
				regions, err := audio.EnergyVAD{}.Regions(b.Context(), rec, ch)
				if err != nil {
					b.Fatal(err)
				}
				ws, err := pack(ch, regions, rec.Facts.Duration, c, func(from, to float64) (float64, error) { return quietest(rec, ch, from, to) })
				if err != nil {
					b.Fatal(err)
				}
				perChannel = append(perChannel, ws)
			}
			var got [2]string
			for _, w := range combine(perChannel, c) {
				pcm, err := w.samples(rec)
				if err != nil {
					b.Fatal(err)
				}
				wd := d
				wd.AudioCtx = w.context(profile)
				segs, err := e.full(b.Context(), pcm, wd)
				if err != nil {
					b.Fatal(err)
				}
				n.windows++
				texts, _ := w.assign(segs)
				for _, h := range texts {
					if h, ok, _ := guard(h, h.end-h.start, profile); ok {
						got[h.channel] += h.text
					}
				}
			}
			for ch, want := range sides(s) {
				n.text(want, got[ch])
			}
		}
	}
	fullWindows := profile.packing()
	fullWindows.MaxRegions, fullWindows.MaxWindow = 0, 30
	channels := func(d Decoding) func(*testing.B, string, *audio.Recording, *tally) {
		return func(b *testing.B, s string, rec *audio.Recording, n *tally) {
			for ch, want := range sides(s) {
				pcm, err := rec.Read(ch, 0, rec.Facts.Duration)
				if err != nil {
					b.Fatal(err)
				}
				n.text(want, whole(b, pcm, d, n))
			}
		}
	}
	mixed := func(d Decoding) func(*testing.B, string, *audio.Recording, *tally) {
		return func(b *testing.B, s string, rec *audio.Recording, n *tally) {
			var mix []float32
			for ch := range 2 {
				pcm, err := rec.Read(ch, 0, rec.Facts.Duration)
				if err != nil {
					b.Fatal(err)
				}
				if mix == nil {
					mix = pcm
					continue
				}
				for i := range mix {
					mix[i] += pcm[i]
				}
			}
			want := ""
			for _, turn := range turnsOf(b, s) {
				want += turn.Text
			}
			n.text(want, whole(b, mix, d, n))
		}
	}
	ways := []struct {
		name string
		hear func(b *testing.B, s string, rec *audio.Recording, n *tally)
	}{
		{"each-channel-whole", channels(full)},
		{"each-channel-whole-cli", channels(cli)},
		{"mixed-whole", mixed(full)},
		{"mixed-whole-cli", mixed(cli)},
		{"packed-full-windows", packed(plain, fullWindows)},
		{"packed-as-profile", packed(own, profile.packing())},
	}
	tallies := make([]tally, len(ways))
	for i, way := range ways {
		b.Run(way.name, func(b *testing.B) {
			for b.Loop() {
				for _, s := range stereo {
					rec := openSample(b, s)
					begun := cpu(b)
					way.hear(b, s, rec, &tallies[i])
					tallies[i].cpu += cpu(b) - begun
					for _, e := range []*engine{plain, own} {
						tallies[i].spent.join(e.spent)
						e.spent = account{}
					}
					tallies[i].audio += rec.Facts.Duration
				}
			}
			n := tallies[i]
			b.ReportMetric(n.perHour(), "core-s/audio-h")
			b.ReportMetric(n.cer(), "%CER")
			b.ReportMetric(float64(n.windows)/float64(b.N), "windows")
			b.ReportMetric(n.perHour()/tallies[0].perHour(), "×each-channel-whole")
			b.ReportMetric(n.each(n.spent.prepare), "prepare/h")
			b.ReportMetric(n.each(n.spent.encode), "encode/h")
			b.ReportMetric(n.each(n.spent.decode), "decode/h")
			b.ReportMetric(float64(n.spent.attempts-n.spent.encoded)/float64(b.N), "fall-backs")
			b.ReportMetric(float64(n.written)/float64(b.N), "characters")
		})
	}
}

func textOf(segs []segment) string {
	gs, _ := wholeCharacters(segs)
	var b strings.Builder
	for _, g := range gs {
		b.WriteString(g.text)
	}
	return b.String()
}

// BenchmarkInspect compares the rules with the hearing they follow: the share of inspect's time that is not
// transcription.
func BenchmarkInspect(b *testing.B) {
	rules, err := lexicon.LoadDefault()
	if err != nil {
		b.Fatal(err)
	}
	engine, err := detectors.New(rules)
	if err != nil {
		b.Fatal(err)
	}
	t := demo(b)
	var hearing, rulesTime time.Duration
	for b.Loop() {
		for _, s := range samples {
			rec := openSample(b, s)
			begun := time.Now()
			tr, err := t.Transcribe(b.Context(), rec, kindOf(s), detectors.Metadata{})
			if err != nil {
				b.Fatal(err)
			}
			hearing += time.Since(begun)
			begun = time.Now()
			engine.Inspect(&detectors.Conversation{ID: s, Kind: kindOf(s), Utterances: tr.Utterances})
			rulesTime += time.Since(begun)
		}
	}
	b.ReportMetric(100*rulesTime.Seconds()/hearing.Seconds(), "%of-hearing")
}

// BenchmarkFiveHours hears a stereo telephone recording of five hours, in which a sample call comes every quarter
// of an hour, and reports the peak memory of both processes. Run it alone: the peak is the process's.
func BenchmarkFiveHours(b *testing.B) {
	const quarter = 15 * 60
	path := filepath.Join(b.TempDir(), "five-hours.wav")
	audiotest.Run(b, "sox", "../../testdata/samples/02-threat.wav", "-r", "8000", "-e", "a-law", path,
		"pad", "0", strconv.Itoa(quarter-36), "trim", "0", strconv.Itoa(quarter), "repeat", "19")
	t := demo(b)
	for b.Loop() {
		rec := audiotest.Open(b, path)
		if rec.Facts.Duration < 5*3600-1 {
			b.Fatalf("%v s", rec.Facts.Duration)
		}
		tr, err := t.Transcribe(b.Context(), rec, detectors.KindCall, detectors.Metadata{})
		if err != nil {
			b.Fatal(err)
		}
		if len(tr.Utterances) < 20*5 {
			b.Fatalf("%d utterances", len(tr.Utterances))
		}
	}
	s := <-t.pool.slots
	child := s.child.cmd.Process.Pid
	t.pool.slots <- s
	st, err := os.Stat(demoModel)
	if err != nil {
		b.Fatal(err)
	}
	parent, asr := peakMB(b, os.Getpid()), peakMB(b, child)
	b.ReportMetric(parent, "MB-parent")
	b.ReportMetric(asr, "MB-child")
	b.ReportMetric(parent+asr-float64(st.Size())/1e6, "MB-over-model")
}

// peakMB is the most memory a process ever had resident.
func peakMB(b *testing.B, pid int) float64 {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	_, after, ok := bytes.Cut(status, []byte("VmHWM:"))
	if !ok {
		b.Fatal("the kernel tells no VmHWM")
	}
	kb, err := strconv.ParseFloat(strings.Fields(string(after))[0], 64)
	if err != nil {
		b.Fatal(err)
	}
	return kb * 1024 / 1e6
}
