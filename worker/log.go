package worker

import (
	"fmt"
	"log/slog"
)

// asynqLog writes asynq's messages to slog. Fatal ones are errors here: a library does not end the process.
type asynqLog struct{ *slog.Logger }

func (l asynqLog) Debug(a ...any) { l.Logger.Debug(fmt.Sprint(a...)) }
func (l asynqLog) Info(a ...any)  { l.Logger.Info(fmt.Sprint(a...)) }
func (l asynqLog) Warn(a ...any)  { l.Logger.Warn(fmt.Sprint(a...)) }
func (l asynqLog) Error(a ...any) { l.Logger.Error(fmt.Sprint(a...)) }
func (l asynqLog) Fatal(a ...any) { l.Logger.Error(fmt.Sprint(a...)) }
