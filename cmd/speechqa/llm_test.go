package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const llmDialogue = `{"id":"L1","kind":"call","metadata":{"callee":"debtor"},"turns":[{"speaker":"agent","text":"贵府令郎每日从哪条巷子经过我们一清二楚"},{"speaker":"customer","text":"哦"}]}` + "\n"

// answering is a stub that speaks the protocol: it finds one threat and nothing else.
func answering(t *testing.T, status int) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		content := `{\"violations\":[]}`
		if strings.Contains(string(q), "(threat)") {
			content = `{\"violations\":[{\"turn\":0,\"quote\":\"我们一清二楚\",\"why\":\"以家人行踪施压\"}]}`
		}
		w.WriteHeader(status)
		io.WriteString(w, `{"choices":[{"message":{"content":"`+content+`"}}]}`)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestScanWithSecondOpinion(t *testing.T) {
	code, plain, stderr := speechqaText(t, llmDialogue, "scan", "-")
	if code != 0 {
		t.Fatalf("exit status %d: %s", code, stderr)
	}
	code, stdout, stderr := speechqaText(t, llmDialogue, "scan", "--llm", "--llm-url", answering(t, 200), "--llm-model", "qwen", "-")
	if code != 0 {
		t.Fatalf("exit status %d: %s", code, stderr)
	}
	at := strings.Index(stdout, `"doubtful"`)
	if at < 0 || !strings.Contains(stdout[at:], `"quote":"我们一清二楚"`) || !strings.Contains(stdout[at:], `"how":"llm"`) {
		t.Errorf("the second opinion is not among the doubtful findings: %s", stdout)
	}
	score := func(s string) string { s, _, _ = strings.Cut(s, `"findings"`); return s }
	if score(plain) != score(stdout) {
		t.Errorf("the second opinion changed the score: %s, was %s", stdout, plain)
	}
}

func TestScanWithoutAnswerSaysSo(t *testing.T) {
	code, stdout, stderr := speechqaText(t, llmDialogue, "scan", "--llm", "--llm-url", answering(t, 500), "--llm-model", "qwen", "-")
	if code != 1 || !strings.Contains(stdout, `"id":"L1"`) || !strings.Contains(stderr, "500 Internal Server Error") || !strings.Contains(stderr, "incomplete") {
		t.Errorf("exit status %d\n%s\n%s", code, stdout, stderr)
	}
	code, _, stderr = speechqaText(t, llmDialogue, "scan", "--llm", "-")
	if code != 1 || !strings.Contains(stderr, "SPEECHQA_LLM_URL") || !strings.Contains(stderr, "SPEECHQA_LLM_MODEL") {
		t.Errorf("without settings: exit status %d\n%s", code, stderr)
	}
}
