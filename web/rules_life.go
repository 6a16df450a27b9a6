package web

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// lifeSteps are what happens to a version, as the audit log names it; "rules.life.<step>" names them for people.
var lifeSteps = []string{"record", "submit", "approve", "shadow", "unshadow", "withdraw", "publish", "rollback"}

// lifeStep is one thing that happened to a version: who, when, why.
type lifeStep struct {
	At       time.Time
	By, Step string
	Why      string
	Anyway   bool // it was done although something forbade it
}

// life is everything that happened to a version, the publications and roll backs among them, of which its row only keeps
// the last.
func (c *Console) life(ctx context.Context, version int64) (out []lifeStep, err error) {
	entries, err := c.store.AuditOf(ctx, fmt.Sprintf("ruleset:%d", version))
	if err != nil {
		return nil, fmt.Errorf("what happened to version %d: %w", version, err)
	}
	for _, e := range entries {
		step, known := cutAction(e.Action)
		if !known {
			continue
		}
		var detail struct {
			Why      string `json:"why"`
			Override string `json:"override"`
		}
		if e.Detail != "" {
			if err := json.Unmarshal([]byte(e.Detail), &detail); err != nil {
				return nil, fmt.Errorf("entry %d of the audit log: %w", e.Seq, err)
			}
		}
		s := lifeStep{At: e.At, By: e.Name, Step: step, Why: detail.Why, Anyway: detail.Override != ""}
		if s.Anyway {
			s.Why = detail.Override
		}
		out = append(out, s)
	}
	return out, nil
}

// cutAction is the step of an action about a version; false for actions that are no step of its life.
func cutAction(action string) (string, bool) {
	step, ok := strings.CutPrefix(action, "ruleset.")
	return step, ok && slices.Contains(lifeSteps, step)
}
