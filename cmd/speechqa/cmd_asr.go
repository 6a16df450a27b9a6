package main

import "github.com/speechqa/speechqa/pipeline/whisper"

// asrCmd is the process the model runs in; see pipeline/whisper/protocol.go. People never start it.
type asrCmd struct{}

// Run answers requests until standard input ends.
func (asrCmd) Run(a *app) error { return whisper.ServeStdio(a.ctx) }
