package web

import (
	"fmt"
	"net/http"

	"github.com/speechqa/speechqa/rulework"
)

// checksAtOnce is how many rulesets are compiled and run over their examples at a time: each takes a core for a good part
// of a second, and an editor asks again with every pause in typing.
const checksAtOnce = 2

// checkTurn waits for a turn at checking; the caller gives it back. Who has typed on meanwhile has gone, and waits no more.
func (c *Console) checkTurn(r *http.Request) (done func(), err error) {
	select {
	case c.checks <- struct{}{}:
		return func() { <-c.checks }, nil
	case <-r.Context().Done():
		return nil, fmt.Errorf("wait for a turn to check rules: %w", r.Context().Err())
	}
}

// checkFiles is rulework.Check in turn.
func (c *Console) checkFiles(r *http.Request, files map[string][]byte, rule string) (rulework.CheckResult, error) {
	done, err := c.checkTurn(r)
	if err != nil {
		return rulework.CheckResult{}, err
	}
	defer done()
	return rulework.Check(files, rule)
}
