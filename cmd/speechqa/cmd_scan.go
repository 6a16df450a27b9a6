package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/lexicon"
)

// scanCmd inspects dialogues that are already text: one JSON line in, one out.
type scanCmd struct {
	llmFlags
	LLM   bool   `name:"llm" help:"Also ask a language model (--llm-url); what it finds is listed as doubtful."`
	Rules string `help:"Directory with an own ruleset; the built-in one otherwise." placeholder:"DIR"`
	File  string `arg:"" help:"Dialogues, one JSON object a line; - reads standard input."`
}

type scanFinding struct {
	Rule       string             `json:"rule"`
	Turn       int                `json:"turn"`
	Quote      string             `json:"quote"`
	Severity   detectors.Severity `json:"severity"`
	Why        string             `json:"why"`
	How        string             `json:"how"`
	Confidence float64            `json:"confidence"`
	Shadow     bool               `json:"shadow,omitempty"`
	Start      float64            `json:"start,omitempty"`
	End        float64            `json:"end,omitempty"`
}

type scanLine struct {
	ID       string        `json:"id"`
	Score    int           `json:"score"`
	Fatal    bool          `json:"fatal,omitempty"`
	Findings []scanFinding `json:"findings"`
	// Doubtful findings are for a person to hear; they are no findings until somebody has.
	Doubtful []scanFinding `json:"doubtful,omitempty"`
}

// Run prints one line per dialogue. A bad line is reported on standard error and the others go on.
func (c *scanCmd) Run(a *app) error {
	e, err := loadEngine(c.Rules)
	if err != nil {
		return err
	}
	second, err := c.llmFlags.open(a, c.LLM, e.Ruleset())
	if err != nil {
		return err
	}
	out := bufio.NewWriter(a.stdout)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	bad, err := eachDialogue(a, c.File, false, func(d *detectors.Dialogue) error {
		return enc.Encode(scanned(d.ID, second.on(a.ctx, &d.Conversation, e.Inspect(&d.Conversation))))
	})
	if ferr := out.Flush(); err == nil && ferr != nil {
		err = fmt.Errorf("write: %w", ferr)
	}
	if err == nil && bad > 0 {
		err = fmt.Errorf("%d lines could not be read", bad)
	}
	return errors.Join(err, second.err())
}

func scanned(id string, res detectors.Result) scanLine {
	line := scanLine{ID: id, Score: res.Score, Fatal: res.Fatal, Findings: []scanFinding{}}
	for _, f := range res.Findings {
		o := scanFinding{Rule: f.Rule, Turn: f.Turn, Quote: f.Quote, Severity: f.Severity, Why: f.Why, How: f.How,
			Confidence: f.Confidence, Shadow: f.Shadow, Start: f.Start, End: f.End}
		if f.Doubtful {
			line.Doubtful = append(line.Doubtful, o)
		} else {
			line.Findings = append(line.Findings, o)
		}
	}
	return line
}

// loadRules reads the ruleset of a directory, or the built-in one.
func loadRules(dir string) (*lexicon.Ruleset, error) {
	if dir == "" {
		return lexicon.LoadDefault()
	}
	return lexicon.LoadDir(dir)
}

func loadEngine(dir string) (*detectors.Engine, error) {
	rs, err := loadRules(dir)
	if err != nil {
		return nil, err
	}
	return detectors.New(rs)
}

// maxLine bounds a line of a dialogue file, in bytes: a conversation of many hours fits.
const maxLine = 64 << 20

// eachDialogue calls fn for every good line and reports bad ones on standard error with line and field.
func eachDialogue(a *app, file string, labels bool, fn func(*detectors.Dialogue) error) (bad int, err error) {
	in := a.stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return 0, err
		}
		defer f.Close()
		in = f
	} else {
		file = "standard input"
	}
	r := bufio.NewReaderSize(in, 1<<20)
	for n := 1; ; n++ {
		if err := a.ctx.Err(); err != nil {
			return bad, err
		}
		line, long, err := readLine(r)
		if err != nil && !errors.Is(err, io.EOF) {
			return bad, fmt.Errorf("%s:%d: %w", file, n, err)
		}
		switch {
		case long:
			bad++
			fmt.Fprintf(a.stderr, "%s:%d: the line is longer than %d bytes\n", file, n, maxLine)
		case len(trimSpace(line)) > 0:
			d, perr := detectors.ParseDialogue(line, labels)
			if perr != nil {
				bad++
				fmt.Fprintf(a.stderr, "%s:%d: %v\n", file, n, perr)
			} else if ferr := fn(d); ferr != nil {
				return bad, ferr
			}
		}
		if err != nil {
			return bad, nil
		}
	}
}

// readLine reads up to the next newline; a line above maxLine is read to its end and dropped.
func readLine(r *bufio.Reader) (line []byte, long bool, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if !long {
			line = append(line, part...)
		}
		if len(line) > maxLine {
			line, long = nil, true
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, long, err
		}
	}
}

func trimSpace(b []byte) []byte {
	for len(b) > 0 && (b[len(b)-1] == '\n' || b[len(b)-1] == '\r' || b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	return b
}
