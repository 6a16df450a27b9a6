package rulework

import (
	"fmt"
	"slices"

	"github.com/speechqa/speechqa/lexicon"
)

// Block is a reason why a version must not be published as it is.
type Block struct {
	Code string `json:"code"` // see the constants
	Rule string `json:"rule,omitempty"`
	N    int    `json:"n,omitempty"` // findings it is about
	Of   int    `json:"of,omitempty"`
}

// Codes of blocks.
const (
	BlockNoBackTest    = "no_backtest"    // nobody has compared it with the live version, or not lately
	BlockLostConfirmed = "lost_confirmed" // it no longer finds what people have confirmed
	BlockWorse         = "worse"          // of the judged findings of a core rule that change, significantly more change for the worse
	BlockPrecision     = "precision"      // a core rule's precision falls, and the intervals don't meet
)

// String is the block in English, for commands; the console has its own words.
func (b Block) String() string {
	switch b.Code {
	case BlockLostConfirmed:
		return fmt.Sprintf("%s: %d confirmed findings are lost", b.Rule, b.N)
	case BlockWorse:
		return fmt.Sprintf("%s: %d of %d judged changes are for the worse", b.Rule, b.N, b.Of)
	case BlockPrecision:
		return fmt.Sprintf("%s: precision falls significantly (now %d of %d confirmed)", b.Rule, b.N, b.Of)
	case BlockNoBackTest:
		return "no finished back-test of the last 24 hours against the live version over all recordings"
	}
	return b.Code
}

// significance is the chance below which a change for the worse is no accident.
const significance = 0.05

// Blocks judges a finished back-test. Core rules are those whose violations are critical or veto the recording, before
// or after the change.
func Blocks(t *Tally, old, now *lexicon.Ruleset) []Block {
	var out []Block
	for _, id := range t.RuleIDs() {
		r := t.Rules[id]
		if r.LostConfirmed > 0 {
			out = append(out, Block{Code: BlockLostConfirmed, Rule: id, N: r.LostConfirmed})
		}
		if !core(old, id) && !core(now, id) {
			continue
		}
		bad, good := r.LostConfirmed+r.FoundOverturned, r.LostOverturned+r.FoundConfirmed
		if SignTest(bad, bad+good) < significance && bad > good {
			out = append(out, Block{Code: BlockWorse, Rule: id, N: bad, Of: bad + good})
		}
		before, after := r.OldPrecision(), r.NewPrecision()
		if before.N > 0 && after.N > 0 && after.High < before.Low {
			out = append(out, Block{Code: BlockPrecision, Rule: id, N: after.K, Of: after.N})
		}
	}
	return slices.Clip(out)
}

func core(rs *lexicon.Ruleset, id string) bool {
	r, ok := rs.Rule(id)
	return ok && (r.Severity == "critical" || rs.Scoring.Rules[id].Fatal)
}
