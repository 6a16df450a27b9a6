package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline/audio"
)

// Transcribe does the costly step for one recording: fetch, link duplicates, decode, hear, commit. It returns
// nil when the outcome is stored, and otherwise an error that Classify understands; the store has been told
// of it by then.
func Transcribe(ctx context.Context, d Deps, id string) error {
	return d.attempt(ctx, id, StepTranscribe, d.transcribe)
}

func (d Deps) transcribe(ctx context.Context, rec Recording, ev *Event) error {
	object, err := fetch(ctx, d, rec.Object)
	if err != nil {
		return err
	}
	defer object.remove()

	original, err := d.Store.Duplicate(ctx, rec.ID, object.SHA256)
	if err != nil {
		return storeError("look for the same audio", err)
	}
	if original != "" {
		return storeError("link duplicate", d.Store.CommitDuplicate(ctx, rec.ID, rec.Attempt, object.SHA256, original))
	}

	sound, err := audio.Open(ctx, object.path(), d.Audio)
	if err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	defer sound.Close()
	sound.Facts.ExpectDuration(rec.Metadata.Duration)

	transcript, err := hear(ctx, d, rec, sound)
	if err != nil {
		return err
	}
	hash, err := HashUtterances(transcript.Utterances)
	if err != nil {
		return err
	}
	ev.Audio, ev.Removed = sound.Facts.Duration, len(transcript.Removed)
	return storeError("commit transcript", d.Store.CommitTranscript(ctx, rec.ID, rec.Attempt, Transcribed{
		SHA256: object.SHA256, Audio: sound.Facts, Peaks: sound.Peaks,
		Transcript: transcript, TranscriptHash: hash,
	}))
}

// hear transcribes within a time that fits the recording's length.
func hear(ctx context.Context, d Deps, rec Recording, sound *audio.Recording) (detectors.Transcript, error) {
	limit := d.patience(sound.Facts.Duration)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errTooSlow)
	defer cancel()
	t, err := d.Transcriber.Transcribe(ctx, sound, rec.Kind, rec.Metadata)
	if err != nil {
		return t, hearError(ctx, err)
	}
	return t, nil
}

// HashUtterances is the identity of what was heard: SHA-256 over the utterances' JSON, hex.
func HashUtterances(u []detectors.Utterance) (string, error) {
	b, err := json.Marshal(u)
	if err != nil {
		return "", fmt.Errorf("hash utterances: %w", err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}
