package pipeline

import (
	"context"

	"github.com/speechqa/speechqa/detectors"
)

// Inspect does the cheap step for one recording: stored transcript, detectors, one transaction. It can be
// repeated with other rules at any time; errors are as for Transcribe.
func Inspect(ctx context.Context, d Deps, id string) error {
	return d.attempt(ctx, id, StepInspect, d.inspect)
}

func (d Deps) inspect(ctx context.Context, rec Recording, ev *Event) error {
	heard, err := d.Store.Transcript(ctx, rec.ID)
	if err != nil {
		return storeError("read transcript", err)
	}
	in, err := d.judge(ctx, rec, heard)
	if err != nil {
		return err
	}
	ev.Findings = in.Result.Findings
	return storeError("commit inspection", d.Store.CommitInspection(ctx, rec.ID, rec.Attempt, in))
}

// judge applies the rules to what was heard.
func (d Deps) judge(ctx context.Context, rec Recording, heard Transcribed) (Inspected, error) {
	conversation := &detectors.Conversation{
		ID: rec.ID, Kind: rec.Kind, Metadata: rec.Metadata,
		Facts:      detectors.Facts{Duration: heard.Audio.Duration, Gaps: heard.Audio.Gaps},
		Utterances: heard.Transcript.Utterances,
	}
	if d.Contacts != nil {
		var err error
		if conversation.Facts.Values, err = d.Contacts.FactValues(ctx, rec); err != nil {
			return Inspected{}, storeError("read facts about contacts", err)
		}
	}
	result := d.Inspector.Inspect(conversation)
	return Inspected{TranscriptHash: heard.TranscriptHash, Result: result,
		Rescore: func(standing []detectors.Finding) (int, bool) { return detectors.Grade(result.Scoring, standing) }}, nil
}
