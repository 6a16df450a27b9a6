// Command speechqa inspects recorded collection calls and field visits for violations of conduct rules.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// cli is every command; each lives in its own file as a struct with Run(*app) error.
type cli struct {
	Scan       scanCmd       `cmd:"" help:"Inspect dialogues given as text, one JSON object a line."`
	Eval       evalCmd       `cmd:"" help:"Compare findings with labels: precision, recall, F1 per rule."`
	Rules      rulesCmd      `cmd:"" help:"Check, test and list rules."`
	Transcribe transcribeCmd `cmd:"" help:"Turn recordings into text."`
	Inspect    inspectCmd    `cmd:"" help:"Turn recordings into text and find what the rules forbid."`
	Model      modelCmd      `cmd:"" help:"List, fetch and check speech models."`
	Asr        asrCmd        `cmd:"" hidden:"" help:"The process a model runs in; started by the others."`
	Config     configCmd     `cmd:"" help:"Show every setting, its variable, flag and value."`
	Demo       demoCmd       `cmd:"" help:"Show the whole system on this machine with sample recordings."`
	Serve      serveCmd      `cmd:"" help:"Run the console; with --embedded the whole system."`
	Worker     workerCmd     `cmd:"" help:"Transcribe and inspect what is in the queue."`
	Ingest     ingestCmd     `cmd:"" help:"Find recordings in the buckets."`
	Migrate    migrateCmd    `cmd:"" help:"Bring the database's tables to this version."`
	User       userCmd       `cmd:"" help:"Manage who may log in."`
	Status     statusCmd     `cmd:"" help:"Show how the recordings and the queue stand."`
	Queue      queueCmd      `cmd:"" help:"Pause, resume, retry, inspect again."`
	Figures    figuresCmd    `cmd:"" help:"Check and recount the figures of trends and reports."`
	Retention  retentionCmd  `cmd:"" help:"How long recordings are kept: terms, legal holds, report."`
	Evidence   evidenceCmd   `cmd:"" help:"Signed packs of what findings rest on."`
	Backup     backupCmd     `cmd:"" help:"Dump the database, and prove that a dump can be restored."`
	Verify     verifyCmd     `cmd:"" help:"Prove that what is kept is as it was written."`
	Restore    restoreCmd    `cmd:"" help:"Put back into the store what was lost or damaged there."`
}

// app is what a command gets from the outside world.
type app struct {
	ctx    context.Context
	env    func(string) string
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr))
}

// run is main without the process: flags, command, exit status. 0 done, 1 the work found errors, 2 wrong usage.
func run(ctx context.Context, args []string, env func(string) string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{ctx: ctx, env: env, stdin: stdin, stdout: stdout, stderr: stderr}
	var c cli
	exit := -1
	k, err := kong.New(&c, kong.Name("speechqa"),
		kong.Description("Listens to collection calls and field visits and finds what the rules forbid."),
		kong.Writers(stdout, stderr), kong.Exit(func(code int) { exit = code }), kong.UsageOnError(),
		configFromEnv(env), kong.ValueFormatter(configInHelp))
	if err != nil {
		fmt.Fprintln(stderr, "speechqa:", err)
		return 2
	}
	kc, err := k.Parse(args)
	if exit >= 0 {
		return exit
	}
	if err != nil {
		fmt.Fprintln(stderr, "speechqa:", err)
		return 2
	}
	if err := kc.Run(a); err != nil {
		fmt.Fprintln(stderr, "speechqa:", err)
		return 1
	}
	return 0
}
