package postgres_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/lexicon"
	"github.com/speechqa/speechqa/rulework"
)

// A back-test that reads words only where something was found comes to what it would with all words: also where the
// recogniser was unsure of the very words, which makes a finding doubtful.
func TestBackTestReadsWordsWhereTheyMatter(t *testing.T) {
	b := newBed(t)
	lines, err := os.ReadFile("../../testdata/dialogues/dev.jsonl")
	b.noError(err)
	conn, err := pgx.Connect(t.Context(), b.url)
	b.noError(err)
	defer conn.Close(context.WithoutCancel(t.Context()))
	n := 0
	for line := range bytes.Lines(lines) {
		d, err := detectors.ParseDialogue(line, false)
		b.noError(err)
		us := d.Utterances
		for i := range us {
			u := &us[i]
			u.Start, u.End, u.Confidence = float64(4*i), float64(4*i+3), .9
			for at, r := range u.Text {
				w := detectors.Word{Start: at, End: at + len(string(r)), From: u.Start + float64(at)/100, To: u.Start + float64(at+3)/100, Confidence: .95}
				if (n+i)%3 == 0 {
					w.Confidence = .2
				}
				u.Words = append(u.Words, w)
			}
		}
		n++
		transcript, err := json.Marshal(detectors.Transcript{Utterances: us})
		b.noError(err)
		_, err = conn.Exec(t.Context(), `WITH r AS (INSERT INTO recordings (bucket, key, version, size, kind, state, agent_id) VALUES ('b', $1, '', 1, $2, 'transcribed', 'a1') RETURNING id)
			INSERT INTO transcripts (recording, sha256, audio, peaks, transcript, hash, said) SELECT id, '', '{"duration": 64}', '[]', $3, '', '' FROM r`, d.ID, string(d.Kind), string(transcript))
		b.noError(err)
	}
	files, err := lexicon.ReadFiles(lexicon.DefaultFiles())
	b.noError(err)
	old, err := rulework.Engine(files)
	b.noError(err)
	files["lists/threat_idioms.txt"] = bytes.Replace(files["lists/threat_idioms.txt"], []byte("\n"), []byte("\n请您\n"), 1)
	delete(files, "model.txt")
	now, err := rulework.Engine(files)
	b.noError(err)
	c := rulework.Comparison{Old: old, New: now}
	got := rulework.NewTally()
	b.noError(rulework.EachPart(t.Context(), b.Store, c, rulework.Selection{}, "", 0, func(part *rulework.Tally, _ int, _ string) error { got.Add(part); return nil }))
	ids, err := b.CaseIDs(t.Context(), rulework.Selection{}, "", 2*n)
	b.noError(err)
	cases, err := b.Cases(t.Context(), ids, rulework.WithWords)
	b.noError(err)
	want, doubtful := rulework.NewTally(), 0
	for _, in := range cases {
		c.Add(want, in)
		for _, f := range old.Inspect(in.Conversation).Findings {
			if f.Doubtful {
				doubtful++
			}
		}
	}
	if doubtful == 0 || want.Calls != n || want.Differ == 0 {
		t.Fatalf("the dialogues show nothing: %d calls, %d differ, %d doubtful findings", want.Calls, want.Differ, doubtful)
	}
	whole := rulework.NewTally()
	whole.Add(want) // puts the differences in order
	if diff := cmp.Diff(asText(t, whole), asText(t, got)); diff != "" {
		t.Errorf("with all words (-) and where they matter (+):\n%s", diff)
	}
}

func asText(t *testing.T, v any) string {
	t.Helper()
	out, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
