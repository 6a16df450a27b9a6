package postgres_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/lexicon"
	"github.com/speechqa/speechqa/rulework"
	"github.com/speechqa/speechqa/storage/storagetest"
)

// BenchmarkBackTest compares two versions over stored transcripts, from reading them in PostgreSQL to the tally: calls of
// 16 utterances, in every tenth of which something is forbidden, with and without the words' times and confidences that
// a recogniser gives, by the patterns alone and with the statistical layer.
func BenchmarkBackTest(b *testing.B) {
	for _, words := range []bool{false, true} {
		store, url := storagetest.Open(b)
		const calls = 3000
		storeTalks(b, url, calls, words)
		for _, model := range []bool{false, true} {
			b.Run(fmt.Sprintf("words=%v/model=%v", words, model), func(b *testing.B) {
				c := rulework.Comparison{Old: benchEngine(b, model, ""), New: benchEngine(b, model, "老铁们\n")}
				before := cpu(b)
				for b.Loop() {
					sum := rulework.NewTally()
					err := rulework.EachPart(b.Context(), store, c, rulework.Selection{}, "", 0,
						func(t *rulework.Tally, _ int, _ string) error { sum.Add(t); return nil })
					if err != nil || sum.Calls != calls {
						b.Fatalf("%d calls, %v", sum.Calls, err)
					}
				}
				b.ReportMetric(calls*float64(b.N)/b.Elapsed().Seconds(), "calls/s")
				b.ReportMetric((cpu(b)-before)*1e6/(calls*float64(b.N)), "cpu-µs/call") // of this process, PostgreSQL's not
			})
		}
	}
}

// cpu is the seconds of processor that this process has used.
func cpu(b *testing.B) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	seconds := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	return seconds(u.Utime) + seconds(u.Stime)
}

func benchEngine(b *testing.B, model bool, gang string) *detectors.Engine {
	files, err := lexicon.ReadFiles(lexicon.DefaultFiles())
	if err != nil {
		b.Fatal(err)
	}
	files["lists/gang.txt"] = append([]byte(gang), files["lists/gang.txt"]...)
	if !model {
		delete(files, "model.txt")
	}
	e, err := rulework.Engine(files)
	if err != nil {
		b.Fatal(err)
	}
	return e
}

func storeTalks(b *testing.B, url string, calls int, words bool) {
	conn, err := pgx.Connect(b.Context(), url)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close(b.Context())
	said := []string{"您好,我是某某科技的工作人员,受银行委托跟您核对账单", "您这边的账单已经逾期了,请您尽快处理", "我们这边帮您登记一下还款日期", "好的,祝您生活愉快"}
	answers := []string{"我知道了", "最近手头有点紧,下个月发了工资就还", "你们怎么又打来了", "可以分期吗"}
	rng := rand.New(rand.NewPCG(8, 2026))
	var batch pgx.Batch
	for i := range calls {
		var us []detectors.Utterance
		for n := range 16 {
			u := detectors.Utterance{Speaker: detectors.SpeakerAgent, Text: said[rng.IntN(len(said))], Start: float64(4 * n), End: float64(4*n + 3), Confidence: .9}
			if n%2 == 1 {
				u.Speaker, u.Text = detectors.SpeakerCustomer, answers[rng.IntN(len(answers))]
			}
			if i%10 == 0 && n == 6 {
				u.Text = "我让老铁们去你家喝茶"
			}
			for at := 0; words && at < len(u.Text); at += 6 {
				u.Words = append(u.Words, detectors.Word{Start: at, End: min(at+6, len(u.Text)), From: u.Start, To: u.End, Confidence: .91})
			}
			us = append(us, u)
		}
		t, err := json.Marshal(detectors.Transcript{Utterances: us})
		if err != nil {
			b.Fatal(err)
		}
		batch.Queue(`WITH r AS (INSERT INTO recordings (bucket, key, version, size, kind, state, agent_id) VALUES ('b', $1, '', 1, 'call', 'transcribed', $2) RETURNING id)
			INSERT INTO transcripts (recording, sha256, audio, peaks, transcript, hash, said) SELECT id, '', '{"duration": 64}', '[]', $3, '', '' FROM r`,
			fmt.Sprint(i), fmt.Sprintf("a%d", i%50), strings.ToValidUTF8(string(t), ""))
	}
	if err := conn.SendBatch(b.Context(), &batch).Close(); err != nil {
		b.Fatal(err)
	}
	storagetest.Exec(b, url, `ANALYZE`)
}
