package web

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/lexicon"
	"github.com/speechqa/speechqa/rulework"
	"github.com/speechqa/speechqa/storage/postgres"
)

// checkData is what is wrong with a draft: the open file's errors first.
type checkData struct {
	File     string
	Errors   []lexicon.LoadError
	Failed   []lexicon.LoadError
	Examples int
	Warnings []string
}

// OK says that nothing is wrong.
func (d checkData) OK() bool { return len(d.Errors)+len(d.Failed) == 0 }

// check checks files with the examples of the file's rule, or all examples where the file serves several.
func (c *Console) check(r *http.Request, files map[string][]byte, file string) (checkData, error) {
	res, err := c.checkFiles(r, files, ruleOf(file))
	if err != nil {
		return checkData{}, fmt.Errorf("check draft: %w", err)
	}
	d := checkData{File: file, Errors: res.Errors, Failed: res.Failed, Examples: res.Examples}
	if res.Ruleset != nil {
		d.Warnings = res.Ruleset.Warnings
	}
	own := func(a, b lexicon.LoadError) int {
		rank := func(e lexicon.LoadError) int {
			if e.File == file {
				return 0
			}
			return 1
		}
		return cmp.Compare(rank(a), rank(b))
	}
	slices.SortStableFunc(d.Errors, own)
	slices.SortStableFunc(d.Failed, own)
	return d, nil
}

// checkDraft checks a file as it stands in the editor, unsaved.
func (c *Console) checkDraft(w http.ResponseWriter, r *http.Request) error {
	draft, base, err := c.draft(r)
	if err != nil {
		return err
	}
	files := draft.Over(base)
	file, text, err := edited(w, r, files)
	if err != nil {
		return err
	}
	files[file] = []byte(text)
	d, err := c.check(r, files, file)
	if err != nil {
		return err
	}
	return c.renderPart(w, r, "rules_draft", "check", d)
}

// tryData is what rules find in a few sentences.
type tryData struct {
	Errors     []lexicon.LoadError // the rules cannot be read
	Turns      []triedTurn
	Findings   []detectors.Finding
	Suppressed []detectors.Suppressed
	Score      int
}

type triedTurn struct {
	Speaker detectors.Speaker
	Pieces  []piece
}

// maxTried is how much may be tried at once, in characters.
const maxTried = 2000

// tryDraft inspects sentences with the rules as they stand in the editor.
func (c *Console) tryDraft(w http.ResponseWriter, r *http.Request) error {
	draft, base, err := c.draft(r)
	if err != nil {
		return err
	}
	files := draft.Over(base)
	file, text, err := edited(w, r, files)
	if err != nil {
		return err
	}
	files[file] = []byte(text)
	said := r.PostForm.Get("said")
	if strings.TrimSpace(said) == "" || len([]rune(said)) > maxTried {
		return errBadRequest
	}
	done, err := c.checkTurn(r)
	if err != nil {
		return err
	}
	defer done()
	rs, err := lexicon.LoadFiles(files)
	if errs, ok := err.(lexicon.LoadErrors); ok {
		return c.renderPart(w, r, "rules_draft", "tried", tryData{Errors: errs})
	}
	if err != nil {
		return fmt.Errorf("load draft: %w", err)
	}
	e, err := detectors.New(rs)
	if err != nil {
		return fmt.Errorf("load draft: %w", err)
	}
	conversation := c.spokenIn(r, said)
	res, suppressed := e.Explain(conversation)
	d := tryData{Findings: res.Findings, Suppressed: suppressed, Score: res.Score}
	d.Findings = slices.DeleteFunc(d.Findings, func(f detectors.Finding) bool { return f.Turn < 0 }) // a few sentences have no opening
	d.Suppressed = withoutDoubles(suppressed)
	for i, u := range conversation.Utterances {
		d.Turns = append(d.Turns, triedTurn{u.Speaker, pieces(u, evidenceIn(d.Findings, i))})
	}
	return c.renderPart(w, r, "rules_draft", "tried", d)
}

// evidenceIn are the findings of one utterance.
func evidenceIn(findings []detectors.Finding, turn int) (out []postgres.JudgedFinding) {
	for _, f := range findings {
		if f.Turn == turn && f.Quote != "" {
			out = append(out, postgres.JudgedFinding{Finding: f, Verdict: postgres.VerdictOpen})
		}
	}
	return out
}

// spokenIn reads what was typed: one utterance a line, of the customer where the line begins with his name and a colon.
func (c *Console) spokenIn(r *http.Request, said string) *detectors.Conversation {
	conv := &detectors.Conversation{ID: "try", Kind: detectors.KindCall, Metadata: detectors.Metadata{Callee: r.PostForm.Get("callee")}}
	if r.PostForm.Get("kind") == string(detectors.KindVisit) {
		conv.Kind = detectors.KindVisit
	}
	for line := range strings.Lines(said) {
		line = strings.TrimSpace(line)
		u := detectors.Utterance{Speaker: detectors.SpeakerAgent, Text: line}
		for _, who := range []detectors.Speaker{detectors.SpeakerAgent, detectors.SpeakerCustomer} {
			for _, l := range langs {
				for _, colon := range []string{":", "："} {
					if rest, ok := strings.CutPrefix(line, c.messages.text(l, "speaker."+string(who))+colon); ok {
						u.Speaker, u.Text = who, strings.TrimSpace(rest)
					}
				}
			}
		}
		if u.Text != "" {
			conv.Utterances = append(conv.Utterances, u)
		}
	}
	return conv
}

func withoutDoubles(list []detectors.Suppressed) []detectors.Suppressed {
	seen := map[detectors.Suppressed]bool{}
	var out []detectors.Suppressed
	for _, s := range list {
		if k := (detectors.Suppressed{Rule: s.Rule, Exception: s.Exception, Quote: s.Quote, Turn: s.Turn}); !seen[k] {
			seen[k] = true
			out = append(out, s)
		}
	}
	return out
}

// Bounds of the search for a term's neighbours.
const (
	maxSearched   = 500 // recordings
	maxNeighbours = 25
	maxTermLength = 40
)

type neighboursData struct {
	Term  string
	Found []rulework.Neighbour
	Texts int
}

// neighbours shows what is really said around a term.
func (c *Console) neighbours(w http.ResponseWriter, r *http.Request) error {
	if _, err := pathUUID(r, "draft"); err != nil {
		return err
	}
	if err := readForm(w, r); err != nil {
		return err
	}
	term, err := sentence(r.PostForm.Get("term"), maxNote)
	if err != nil || term == "" || len([]rune(term)) > maxTermLength {
		return errBadRequest
	}
	texts, err := c.store.SaidWith(r.Context(), ScopeOf(visitorOf(r).user), term, maxSearched)
	if err != nil {
		return fmt.Errorf("search %q: %w", term, err)
	}
	return c.renderPart(w, r, "rules_draft", "neighbours", neighboursData{Term: term, Found: rulework.Neighbours(texts, term, maxNeighbours), Texts: len(texts)})
}
