package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"

	"aead.dev/minisign"
	"github.com/google/go-cmp/cmp"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/evidence"
	"github.com/speechqa/speechqa/pipeline/audio"
)

type verifyPackCmd struct {
	modelFlags
	Key   string `placeholder:"FILE|KEY" help:"Public key the pack must be signed with, as a file or its text. Without it the pack is shown to be whole, but not whose it is."`
	Audio bool   `help:"Also transcribe the audio again with the model here, and show what differs."`
	JSON  bool   `name:"json" help:"As JSON."`
	File  string `arg:"" help:"The pack."`
}

func (c *verifyPackCmd) Run(a *app) (err error) {
	key, err := c.public()
	if err != nil {
		return err
	}
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	p, err := evidence.Open(f, st.Size(), key)
	if err != nil {
		return err
	}
	if err := p.Inspect(); err != nil {
		return err
	}
	if c.JSON {
		err = json.NewEncoder(a.stdout).Encode(p.Proof)
	} else {
		err = c.print(a, p)
	}
	if err != nil || !c.Audio {
		return err
	}
	return c.hearAgain(a, p)
}

func (c *verifyPackCmd) public() (*minisign.PublicKey, error) {
	if c.Key == "" {
		return nil, nil
	}
	text := c.Key
	if b, err := os.ReadFile(c.Key); err == nil {
		text = string(b)
	} else if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	k, err := evidence.ParsePublic(text)
	if err != nil {
		return nil, fmt.Errorf("--key %s: %w", c.Key, err)
	}
	return &k, nil
}

func (c *verifyPackCmd) print(a *app, p *evidence.Opened) error {
	fmt.Fprintf(a.stdout, "whole: %d members, made %s by %s\n", p.Members, p.Manifest.CreatedAt.Format("2006-01-02 15:04:05 MST"), p.Manifest.CreatedBy)
	if p.Known {
		fmt.Fprintf(a.stdout, "signed with the key given, %s: %s\n", p.Signer, p.Comment)
	} else {
		fmt.Fprintf(a.stdout, "signed with the key in the pack, %s: compare it with the signer's, or give that with --key\n", p.Signer)
	}
	for _, e := range p.Manifest.Recordings {
		fmt.Fprintf(a.stdout, "recording %s: audio %s, score %d\n", e.ID, e.AudioSHA256, e.Score)
	}
	_, err := fmt.Fprintf(a.stdout, "the detectors find the same: %d findings, byte for byte\n", p.Findings)
	return err
}

// hearAgain transcribes the pack's audio and shows what differs in text and findings; a difference is no error,
// because another model or another machine may hear otherwise.
func (c *verifyPackCmd) hearAgain(a *app, p *evidence.Opened) (err error) {
	dir, err := os.MkdirTemp("", "speechqa-pack-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	h := hearingFlags{modelFlags: c.modelFlags}
	t, err := h.open(a, func(float64) {})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	for i, e := range p.Manifest.Recordings {
		file := filepath.Join(dir, fmt.Sprintf("%d%s", i, path.Ext(e.Audio)))
		if _, err := writeNew(file, func(f *os.File) (int, error) { return 0, p.Audio(f, e) }); err != nil {
			return err
		}
		conversation, err := p.Conversation(e)
		if err != nil {
			return err
		}
		engine, err := p.Engine(e)
		if err != nil {
			return err
		}
		rec, err := audio.Open(a.ctx, file, audio.Options{})
		if err != nil {
			return err
		}
		rec.Facts.ExpectDuration(conversation.Metadata.Duration)
		heard, err := t.Transcribe(a.ctx, rec, conversation.Kind, conversation.Metadata)
		if err = errors.Join(err, rec.Close()); err != nil {
			return fmt.Errorf("recording %s: %w", e.ID, err)
		}
		if heard.ModelHash != e.ModelHash {
			fmt.Fprintf(a.stdout, "recording %s was heard by %s (%.12s), here hears %s (%.12s)\n", e.ID, e.ModelName, e.ModelHash, heard.ModelName, heard.ModelHash)
		}
		again := *conversation
		again.Utterances = heard.Utterances
		words := cmp.Diff(spoken(conversation.Utterances), spoken(again.Utterances))
		before, after := engine.Inspect(conversation), engine.Inspect(&again)
		found := cmp.Diff(named(before.Findings), named(after.Findings))
		if words == "" && found == "" {
			fmt.Fprintf(a.stdout, "recording %s: heard again, the same words and the same findings\n", e.ID)
			continue
		}
		fmt.Fprintf(a.stdout, "recording %s: heard again; score %d, was %d\nwords (-pack +now):\n%s\nfindings (-pack +now):\n%s\n", e.ID, after.Score, before.Score, words, found)
	}
	return nil
}

func spoken(us []detectors.Utterance) (out []string) {
	for _, u := range us {
		out = append(out, string(u.Speaker)+": "+u.Text)
	}
	return out
}

func named(fs []detectors.Finding) (out []string) {
	for _, f := range fs {
		out = append(out, f.Rule+" 「"+f.Quote+"」")
	}
	return out
}
