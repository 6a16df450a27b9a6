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
	Storage  verifyStorageCmd  `cmd:"" help:"Read recordings again against their SHA-256, all or a sample; an interrupted run goes on."`
	Pack     verifyPackCmd     `cmd:"" help:"Check an evidence pack without any server: whole, signed, and the detectors find the same again."`
	Disposal verifyDisposalCmd `cmd:"" help:"Check the signed record of a disposal without any server."`
	Audit    verifyAuditCmd    `cmd:"" help:"Check the audit log's chain: nothing removed, altered or moved."`
}

type verifyAuditCmd struct {
	databaseFlags
	objectFlags
	copyFlags
	Anchors bool     `help:"Compare also with the heads that the console notes every day in the first bucket, and in the second store where its settings are given; needs the object store's settings."`
	Head    []string `placeholder:"SEQ:HASH" help:"A head this command printed earlier, kept elsewhere: proves that nothing up to there was cut off. May be given several times."`
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
	var settings objectSettings
	var second copySettings
	if c.Anchors {
		var p problems
		settings = c.objectFlags.read(&p)
		if second = c.copyFlags.read(&p, settings); p.err() != nil {
			return p.err()
		}
	}
	return withStore(a, c.databaseFlags, func(s *postgres.Store) error {
		if c.Anchors {
			o, err := openObjects(settings)
			if err != nil {
				return err
			}
			all := allAnchors{{store: s, objects: o, bucket: settings.Places[0].Bucket}}
			if second.on() {
				there, err := openObjects(second.objectSettings)
				if err != nil {
					return err
				}
				all = append(all, anchors{store: s, objects: there, bucket: second.bucket()})
			}
			noted, err := all.read(a.ctx)
			if err != nil {
				return err
			}
			heads = append(heads, noted...)
		}
		sum, err := s.VerifyAudit(a.ctx, heads)
		if err != nil {
			return err
		}
		fmt.Fprintf(a.stdout, "%d entries, unbroken, in keeping with %d noted heads; head %d:%s\n", sum.Entries, sum.Anchors, sum.Entries, hex.EncodeToString(sum.Head[:]))
		return nil
	})
}
