package web

import (
	"sort"
	"unicode/utf8"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/storage/postgres"
)

// faintBelow is the word confidence under which a word is shown faint: the ear should check it.
const faintBelow = 0.5

// turn is an utterance as the page shows it.
type turn struct {
	Index   int
	Speaker detectors.Speaker
	Channel int
	Unsure  bool // the role is a guess
	Start   float64
	End     float64
	Pieces  []piece
	Hit     bool // holds evidence
	// Corrected says that a person said who speaks.
	Corrected bool
	Notes     []turnNote
}

// turnNote says what was found in a turn: the rule, what matched, and how.
type turnNote struct {
	Key   string
	Rule  string
	Term  string
	How   string
	Level detectors.Severity
	State postgres.Verdict
}

// piece is a run of an utterance's text that looks the same throughout.
type piece struct {
	Text    string
	Faint   bool
	Finding string // key of the finding it is evidence of; empty for none
	Rule    string
	Level   detectors.Severity
	State   postgres.Verdict
	More    int // further findings on the same text
}

// dialogue cuts utterances at the edges of evidence and of faint words.
func dialogue(us []detectors.Utterance, findings []postgres.JudgedFinding) []turn {
	byTurn := map[int][]postgres.JudgedFinding{}
	for _, f := range findings {
		if f.Turn >= 0 && f.Quote != "" {
			byTurn[f.Turn] = append(byTurn[f.Turn], f)
		}
	}
	turns := make([]turn, len(us))
	for i, u := range us {
		turns[i] = turn{
			Index: i, Speaker: u.Speaker, Channel: u.Channel, Start: u.Start, End: u.End, Hit: len(byTurn[i]) > 0,
			Unsure: u.SpeakerConfidence > 0 && u.SpeakerConfidence < detectors.SpeakerCertain,
			Pieces: pieces(u, byTurn[i]),
		}
		for _, f := range byTurn[i] {
			turns[i].Notes = append(turns[i].Notes, turnNote{f.Key, f.Rule, f.Term, f.How, f.Severity, f.Verdict})
		}
	}
	return turns
}

// pieces cuts one utterance. Spans that do not fit the text, which only a damaged row can hold, are moved to
// the nearest character edge rather than trusted.
func pieces(u detectors.Utterance, findings []postgres.JudgedFinding) []piece {
	edges := map[int]bool{0: true, len(u.Text): true}
	for i := range findings {
		findings[i].ByteStart = edge(u.Text, findings[i].ByteStart)
		findings[i].ByteEnd = edge(u.Text, findings[i].ByteEnd)
		edges[findings[i].ByteStart], edges[findings[i].ByteEnd] = true, true
	}
	type span struct{ start, end int }
	var faint []span
	for _, w := range u.Words {
		if w.Confidence > 0 && w.Confidence < faintBelow {
			s := span{edge(u.Text, w.Start), edge(u.Text, w.End)}
			faint = append(faint, s)
			edges[s.start], edges[s.end] = true, true
		}
	}
	cuts := make([]int, 0, len(edges))
	for e := range edges {
		cuts = append(cuts, e)
	}
	sort.Ints(cuts)

	var out []piece
	for i := 0; i+1 < len(cuts); i++ {
		from, to := cuts[i], cuts[i+1]
		p := piece{Text: u.Text[from:to]}
		for _, s := range faint {
			p.Faint = p.Faint || (s.start <= from && to <= s.end)
		}
		for _, f := range findings {
			if f.ByteStart > from || to > f.ByteEnd {
				continue
			}
			if p.Finding != "" {
				p.More++
				continue
			}
			p.Finding, p.Rule, p.Level, p.State = f.Key, f.Rule, f.Severity, f.Verdict
		}
		if n := len(out); n > 0 && same(out[n-1], p) {
			out[n-1].Text += p.Text
			continue
		}
		out = append(out, p)
	}
	return out
}

func same(a, b piece) bool {
	return a.Faint == b.Faint && a.Finding == b.Finding && a.More == b.More
}

// edge brings a byte offset into the text and back to the beginning of a character.
func edge(s string, i int) int {
	i = max(0, min(i, len(s)))
	for i > 0 && i < len(s) && !utf8.RuneStart(s[i]) {
		i--
	}
	return i
}
