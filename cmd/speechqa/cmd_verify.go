package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/speechqa/speechqa/storage/postgres"
)

// verifyCmd proves that what is kept is as it was written.
type verifyCmd struct {
	Storage verifyStorageCmd `cmd:"" help:"Read recordings again against their SHA-256, all or a sample; an interrupted run goes on."`
	Audit   verifyAuditCmd   `cmd:"" help:"Check the audit log's chain: nothing removed, altered or moved."`
}

type verifyAuditCmd struct {
	databaseFlags
	Head []string `placeholder:"SEQ:HASH" help:"A head this command printed earlier, kept elsewhere: proves that nothing up to there was cut off. May be given several times."`
}

func (c *verifyAuditCmd) Run(a *app) error {
	var heads []postgres.Anchor
	for _, h := range c.Head {
		seq, hash, _ := strings.Cut(h, ":")
		n, err1 := strconv.ParseInt(seq, 10, 64)
		b, err2 := hex.DecodeString(hash)
		if err1 != nil || err2 != nil || len(b) != sha256.Size {
			return fmt.Errorf("--head %q is not as this command prints it: NUMBER:64 hexadecimal digits", h)
		}
		heads = append(heads, postgres.Anchor{Seq: n, Hash: [sha256.Size]byte(b)})
	}
	return withStore(a, c.databaseFlags, func(s *postgres.Store) error {
		sum, err := s.VerifyAudit(a.ctx, heads)
		if err != nil {
			return err
		}
		fmt.Fprintf(a.stdout, "%d entries, unbroken; head %d:%s\n", sum.Entries, sum.Entries, hex.EncodeToString(sum.Head[:]))
		return nil
	})
}
