package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/speechqa/speechqa/pipeline/audio"
)

// Action is what an error means for the recording.
type Action int

// Actions.
const (
	ActionDone   Action = iota // nothing more to do: success, outcome already there, or somebody else's work now
	ActionRetry                // can heal: try again later, with growing pauses
	ActionGiveUp               // cannot heal: the recording fails with Reason
	ActionCancel               // the worker is stopping; not a failure and not counted
	ActionWait                 // another attempt is alive: look again when its lease has run out
)

func (a Action) String() string {
	return [...]string{"done", "retry", "give up", "cancel", "wait"}[a]
}

// Verdict is what to do after an attempt, with the sentence staff see.
type Verdict struct {
	Action Action
	Reason string // Chinese; set for retry and give up
	Free   bool   // a retry that does not count as a try: the recording is not to blame
}

func (v Verdict) level() slog.Level {
	switch v.Action {
	case ActionRetry:
		return slog.LevelWarn
	case ActionGiveUp:
		return slog.LevelError
	}
	return slog.LevelInfo
}

// How often an error is tried that may lie in the recording as well as in the machine. What plainly lies in
// the machine (network, store, disk) is tried for as long as it takes: an outage must not fail a recording.
const (
	triesUnknown = 8
	triesHearing = 6
)

// Classify is the one place that decides what an attempt's error means; tries counts the attempts made at the
// step, this one included.
func Classify(err error, tries int) Verdict {
	var bad *audio.Error
	var store *storeFailure
	var source *sourceFailure
	var hearing *hearingFailure
	bounded := func(limit int, reason string) Verdict {
		if tries >= limit {
			return Verdict{Action: ActionGiveUp, Reason: fmt.Sprintf("%s,已尝试 %d 次,不再自动重试", reason, tries)}
		}
		return Verdict{Action: ActionRetry, Reason: reason + ",将自动重试"}
	}
	switch {
	case err == nil, errors.Is(err, ErrNotDue), errors.Is(err, ErrFenced):
		return Verdict{Action: ActionDone}
	case errors.Is(err, ErrBusy), errors.Is(err, errSuspect):
		return Verdict{Action: ActionWait}
	case errors.Is(err, errPoison):
		return Verdict{Action: ActionGiveUp, Reason: fmt.Sprintf("处理这条录音时程序连续 %d 次异常中止,已停止重试", maxCrashes)}
	case errors.Is(err, errTooSlow):
		return bounded(triesHearing, "转写用时超过上限")
	case errors.Is(err, context.Canceled):
		return Verdict{Action: ActionCancel}
	case errors.Is(err, ErrGone):
		return Verdict{Action: ActionGiveUp, Reason: "录音文件已不在存储中,可能已被删除或改名"}
	case errors.Is(err, errTooLarge):
		return Verdict{Action: ActionGiveUp, Reason: "录音文件超过允许的大小"}
	case errors.As(err, &bad) && !bad.Temporary:
		return Verdict{Action: ActionGiveUp, Reason: bad.Reason}
	case errors.As(err, &hearing) && bad != nil:
		return bounded(triesHearing, bad.Reason)
	case hearing != nil:
		return bounded(triesHearing, "转写程序出错")
	case bad != nil:
		return Verdict{Action: ActionRetry, Reason: bad.Reason + ",将自动重试", Free: true}
	case errors.As(err, &source):
		return Verdict{Action: ActionRetry, Reason: "暂时无法从存储读取录音文件,将自动重试", Free: true}
	case errors.As(err, &store) && heals(err):
		return Verdict{Action: ActionRetry, Reason: "暂时无法访问数据库,将自动重试", Free: true}
	case store != nil:
		return bounded(triesUnknown, "结果无法写入数据库")
	}
	return bounded(triesUnknown, "处理时出现意外错误")
}

// heals tells database errors that pass (connection, resources, shutdown, conflict of transactions) from those
// that come again with the same data. PostgreSQL's classes: appendix A of its manual. An error without a
// code never reached the server.
func heals(err error) bool {
	var coded interface{ SQLState() string }
	if !errors.As(err, &coded) || len(coded.SQLState()) < 2 {
		return true
	}
	switch state := coded.SQLState(); state[:2] {
	case "08", "25", "28", "3D", "40", "53", "55", "57", "58":
		return true
	default:
		// 42P01: undefined table: the migration is still to come.
		return strings.HasPrefix(state, "42P01")
	}
}
