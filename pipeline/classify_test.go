package pipeline

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/speechqa/speechqa/pipeline/audio"
)

func TestClassify(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	for _, tc := range []struct {
		name   string
		err    error
		tries  int
		action Action
		reason string // must occur in the verdict's reason
	}{
		{"success", nil, 1, ActionDone, ""},
		{"outcome already there", storeError("begin", ErrNotDue), 1, ActionDone, ""},
		{"taken over", storeError("commit", ErrFenced), 1, ActionDone, ""},
		{"taken over while the work was cancelled", fmt.Errorf("%w (%w)", ErrFenced, context.Canceled), 1, ActionDone, ""},
		{"somebody else is at it", storeError("begin", ErrBusy), 1, ActionWait, ""},
		{"another suspect is tried", errSuspect, 1, ActionWait, ""},
		{"worker stops", fmt.Errorf("decode: %w", context.Canceled), 9, ActionCancel, ""},
		{"worker stops during a fetch", sourceError("read object", context.Canceled), 9, ActionCancel, ""},
		{"worker stops during a commit", storeError("commit", context.Canceled), 9, ActionCancel, ""},
		{"bad audio", fmt.Errorf("decode: %w", &audio.Error{Reason: "录音文件是空的(0 字节)"}), 1, ActionGiveUp, "录音文件是空的"},
		{"disk full", fmt.Errorf("decode: %w", &audio.Error{Reason: "磁盘已满", Temporary: true}), 99, ActionRetry, "磁盘已满,将自动重试"},
		{"object gone", sourceError("open object", fmt.Errorf("stat: %w", ErrGone)), 1, ActionGiveUp, "已不在存储中"},
		{"object too large", fmt.Errorf("%w: 9 bytes", errTooLarge), 1, ActionGiveUp, "超过允许的大小"},
		{"object store refuses, however long", sourceError("open object", refused), 1000, ActionRetry, "无法从存储读取"},
		{"object store falls silent", sourceError("read object", errStalled), 1000, ActionRetry, "无法从存储读取"},
		{"database away, however long", storeError("begin", refused), 1000, ActionRetry, "无法访问数据库"},
		{"database shuts down", storeError("commit", &pgconn.PgError{Code: "57P01"}), 1000, ActionRetry, "无法访问数据库"},
		{"serialisation conflict", storeError("commit", &pgconn.PgError{Code: "40001"}), 1000, ActionRetry, "无法访问数据库"},
		{"outcome the database refuses", storeError("commit", &pgconn.PgError{Code: "22021"}), 1, ActionRetry, "将自动重试"},
		{"outcome the database always refuses", storeError("commit", &pgconn.PgError{Code: "22021"}), triesUnknown, ActionGiveUp, "已尝试 8 次"},
		{"transcriber died", &hearingFailure{errors.New("signal: killed")}, 1, ActionRetry, "转写程序出错"},
		{"transcriber always dies", &hearingFailure{errors.New("signal: killed")}, triesHearing, ActionGiveUp, "转写程序出错"},
		{"model cannot be loaded", &hearingFailure{&audio.Error{Reason: "语音识别模型无法加载", Temporary: true}}, 1, ActionRetry, "模型无法加载,将自动重试"},
		{"crashes at one place", &hearingFailure{&audio.Error{Reason: "语音识别进程连续崩溃"}}, 1, ActionGiveUp, "连续崩溃"},
		{"too slow", &hearingFailure{fmt.Errorf("%w (%w)", errTooSlow, context.DeadlineExceeded)}, 1, ActionRetry, "用时超过上限"},
		{"always too slow", &hearingFailure{errTooSlow}, triesHearing, ActionGiveUp, "用时超过上限"},
		{"poison", errPoison, 6, ActionGiveUp, "异常中止"},
		{"unheard-of", errors.New("?"), 1, ActionRetry, "意外错误"},
		{"unheard-of again and again", errors.New("?"), triesUnknown, ActionGiveUp, "意外错误"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := Classify(tc.err, tc.tries)
			if got.Action != tc.action || !strings.Contains(got.Reason, tc.reason) {
				t.Errorf("Classify(%v, %d) = %v %q, want %v with %q", tc.err, tc.tries, got.Action, got.Reason, tc.action, tc.reason)
			}
			if wants := tc.action == ActionRetry || tc.action == ActionGiveUp; wants != (got.Reason != "") {
				t.Errorf("%v has the reason %q", got.Action, got.Reason)
			}
		})
	}
}
