package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/speechqa/speechqa/custody"
	"github.com/speechqa/speechqa/evidence"
)

type verifyDisposalCmd struct {
	Key       string `required:"" placeholder:"FILE|KEY" help:"Public key the record must be signed with, as a file or its text."`
	Signature string `placeholder:"FILE" help:"The signature; default: FILE.minisig."`
	File      string `arg:"" help:"The record, as 'retention dispose show --record' or the console gives it."`
}

// Run checks the signature, and that the record tells of nothing that must not be: one person alone, too early, in a
// wrong order, without a copy that was the recording.
func (c *verifyDisposalCmd) Run(a *app) error {
	key, err := (&verifyPackCmd{Key: c.Key}).public()
	if err != nil {
		return err
	}
	record, err := os.ReadFile(c.File)
	if err != nil {
		return err
	}
	signature, err := os.ReadFile(or(c.Signature, c.File+".minisig"))
	if err != nil {
		return err
	}
	comment, ok := evidence.Verify(*key, record, signature)
	if !ok {
		return fmt.Errorf("%s is not as it was signed, or not signed with this key", c.File)
	}
	var r custody.DisposalRecord
	dec := json.NewDecoder(strings.NewReader(string(record)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r); err != nil {
		return fmt.Errorf("%s is no record of a disposal: %w", c.File, err)
	}
	if err := r.Check(); err != nil {
		return fmt.Errorf("%s is signed, but: %w", c.File, err)
	}
	fmt.Fprintf(a.stdout, "signed with the key given: %s\n", comment)
	fmt.Fprintf(a.stdout, "disposal %s: proposed by %s (%s) %s, approved by %s (%s) %s, ended %s\n", r.Disposal, r.Proposed.Name, r.Proposed.Role, r.Proposed.At.Format(time.RFC3339),
		r.Approved.Name, r.Approved.Role, r.Approved.At.Format(time.RFC3339), r.EndedAt.Format(time.RFC3339))
	_, err = fmt.Fprintf(a.stdout, "%d recordings destroyed, each after its date, with its tombstone first and a second copy read right before; %d stay\n", len(r.Destroyed), len(r.Kept))
	return err
}
