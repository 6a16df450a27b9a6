package web

import (
	"strings"
	"testing"
)

// The grid is written without html/template: nothing in a cell may become markup, or lead out of the console.
func TestGridIsEscaped(t *testing.T) {
	const hostile = `<script>alert(1)</script>"'&`
	for _, url := range []string{"/agents/" + hostile, "//evil.example", "javascript:alert(1)", "https://evil.example"} {
		body := string(grid{Rows: [][]gridCell{{{Text: hostile, URL: url}, {Text: hostile, Class: hostile, URL: url}}}}.Body())
		if strings.Contains(body, "<script") || strings.Contains(body, `"'`) {
			t.Errorf("%s: not escaped: %s", url, body)
		}
		if leads := strings.Contains(body, "<a "); leads != strings.HasPrefix(url, "/agents/") {
			t.Errorf("%s: is a link: %v", url, leads)
		}
	}
}
