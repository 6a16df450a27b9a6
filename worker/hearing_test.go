package worker_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline/audio"
)

// hearing stands behind the pipeline's seam for the model: what a recording says follows from its case number, so
// that two runs can be compared. Everything around it (store, queue, object store, decoder, rules) is real.
type hearing struct {
	Takes time.Duration // for each recording
	Until string        // nothing is heard before this file is there; "" is at once

	mu    sync.Mutex
	tries map[string]int
	heard atomic.Int64
	// holds, where set, is asked before a recording is heard; what it returns is the outcome when not nil.
	holds func(ctx context.Context, caseID string) error
}

// lines are what agents say; some of it is forbidden.
var lines = []string{
	"您好我是甲银行委托的催收员工号一零二三本次通话会录音",
	"你今天还三千剩下的利息我给你免了",
	"你再不还钱我就找人上门去你单位闹",
	"请您在月底之前把最低还款额存入账户",
	"把钱转到我个人微信上我帮你处理",
	"你这个骗子不要脸",
	"感谢您的配合再见",
}

func (h *hearing) Transcribe(ctx context.Context, rec *audio.Recording, _ detectors.Kind, meta detectors.Metadata) (detectors.Transcript, error) {
	what, n, _ := strings.Cut(meta.CaseID, "-")
	h.mu.Lock()
	if h.tries == nil {
		h.tries = map[string]int{}
	}
	h.tries[meta.CaseID]++
	tries := h.tries[meta.CaseID]
	h.mu.Unlock()
	if h.holds != nil {
		if err := h.holds(ctx, meta.CaseID); err != nil {
			return detectors.Transcript{}, err
		}
	}
	select {
	case <-ctx.Done():
		return detectors.Transcript{}, ctx.Err()
	case <-time.After(h.Takes):
	}
	for h.Until != "" {
		if _, err := os.Stat(h.Until); err == nil {
			break
		}
		select {
		case <-ctx.Done():
			return detectors.Transcript{}, ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	switch {
	case what == "flaky" && tries < 3, what == "never":
		return detectors.Transcript{}, errors.New("the model's process died")
	case what == "crash":
		return detectors.Transcript{}, &audio.Error{Reason: "语音识别进程连续崩溃"}
	case what == "poison":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	h.heard.Add(1)
	seed, _ := strconv.Atoi(n)
	t := detectors.Transcript{ModelName: "none", ModelHash: "none", Params: map[string]string{"process": strconv.Itoa(os.Getpid())}}
	for i := range 5 {
		at := float64(i)
		t.Utterances = append(t.Utterances, detectors.Utterance{Speaker: detectors.SpeakerAgent, Start: at, End: at + 0.9,
			Text: lines[(seed*(i+3)+i)%len(lines)], Confidence: 0.95})
	}
	if math.Abs(rec.Facts.Duration-0.5) > 0.01 {
		return t, fmt.Errorf("%f seconds came, not half a second", rec.Facts.Duration)
	}
	return t, nil
}
