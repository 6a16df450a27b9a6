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
	conversation, err := d.conversation(ctx, rec, heard)
	if err != nil {
		return err
	}
	in := d.apply(conversation, heard)
	if d.Shadow != nil {
		if err := d.Shadow.Shadow(ctx, conversation, in.Result); err != nil {
			return storeError("commit what rules on shadow find", err)
		}
	}
	ev.Findings = in.Result.Findings
	return storeError("commit inspection", d.Store.CommitInspection(ctx, rec.ID, rec.Attempt, in))
}

// judge applies the rules to what was heard.
func (d Deps) judge(ctx context.Context, rec Recording, heard Transcribed) (Inspected, error) {
	conversation, err := d.conversation(ctx, rec, heard)
	if err != nil {
		return Inspected{}, err
	}
	return d.apply(conversation, heard), nil
}

func (d Deps) apply(c *detectors.Conversation, heard Transcribed) Inspected {
	result := d.Inspector.Inspect(c)
	return Inspected{TranscriptHash: heard.TranscriptHash, Result: result,
		Rescore: func(standing []detectors.Finding) (int, bool) { return detectors.Grade(result.Scoring, standing) }}
}

// conversation is what the rules see of a recording.
func (d Deps) conversation(ctx context.Context, rec Recording, heard Transcribed) (*detectors.Conversation, error) {
	conversation := &detectors.Conversation{
		ID: rec.ID, Kind: rec.Kind, Metadata: rec.Metadata,
		Facts:      detectors.Facts{Duration: heard.Audio.Duration, Gaps: heard.Audio.Gaps},
		Utterances: heard.Transcript.Utterances,
	}
	if d.Contacts != nil {
		var err error
		if conversation.Facts.Values, err = d.Contacts.FactValues(ctx, rec); err != nil {
			return nil, storeError("read facts about contacts", err)
		}
	}
	return conversation, nil
}
