// Package secondopinion asks a language model on the company's own machine what it thinks of a conversation.
//
// Its findings are marked (how: llm) and always doubtful: they are listed for a person to hear and never scored. The
// rules work without it, and nothing waits for it.
package secondopinion

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/lexicon"
)

// Config says whom to ask and how much.
type Config struct {
	URL     string        // of an OpenAI-compatible server, e.g. http://llm:8000/v1; /chat/completions is appended
	Model   string        // as the server calls it
	Key     string        // sent as Authorization: Bearer; may be empty
	Timeout time.Duration // for one question; 0 is 30 s
	Budget  time.Duration // for all questions about one conversation; 0 is two minutes
	Client  *http.Client  // nil is one that follows no redirects
}

// Bounds of what is sent and believed.
const (
	maxDialogue = 60_000  // bytes of a conversation's text; longer ones are not sent
	maxAnswer   = 1 << 20 // bytes of the server's answer
	maxFindings = 20      // violations of one rule in one conversation
	maxCached   = 4096    // answers remembered
	maxWhy      = 300     // bytes of the model's reason
)

// ErrDown says that the server gives no answers at all at present, whatever it is asked.
var ErrDown = errors.New("the language model's server gives no answers")

// Client asks about the live rules of a ruleset that concern what is said. It may be used by many goroutines.
type Client struct {
	cfg   Config
	url   string
	rules []*lexicon.Rule

	mu    sync.Mutex
	cache map[[32]byte][]violation
	order [][32]byte // of the cache, oldest first
}

// New checks the configuration; it does not call the server.
func New(cfg Config, rs *lexicon.Ruleset) (*Client, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%q is not the address of a server, such as http://llm:8000/v1", cfg.URL)
	}
	if cfg.Model == "" {
		return nil, errors.New("the name of the language model is missing")
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 30 * time.Second
	}
	if cfg.Budget <= 0 {
		cfg.Budget = 2 * time.Minute
	}
	if cfg.Client == nil {
		cfg.Client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	c := &Client{cfg: cfg, url: u.JoinPath("chat", "completions").String(), cache: map[[32]byte][]violation{}}
	for i := range rs.Rules {
		if r := &rs.Rules[i]; r.Status == lexicon.StatusLive && (r.Kind == lexicon.KindPhrase || r.Kind == lexicon.KindDisclosure) {
			c.rules = append(c.rules, r)
		}
	}
	return c, nil
}

// Ask asks rule by rule. What was found is returned even where some questions failed; the error joins their failures.
// At ErrDown it stops.
func (c *Client) Ask(ctx context.Context, conv *detectors.Conversation) ([]detectors.Finding, error) {
	text := dialogueText(conv)
	if len(text) > maxDialogue {
		return nil, fmt.Errorf("the conversation is longer than the %d bytes that are sent to a language model", maxDialogue)
	}
	whole := ctx
	ctx, cancel := context.WithTimeoutCause(ctx, c.cfg.Budget, fmt.Errorf("the budget of %s for one conversation is used up", c.cfg.Budget))
	defer cancel()
	var out []detectors.Finding
	var errs []error
	for _, r := range c.rules {
		if !concerns(r, conv.Kind) {
			continue
		}
		if ctx.Err() != nil {
			break
		}
		vs, err := c.ask(ctx, r, conv, text)
		if err != nil {
			errs = append(errs, fmt.Errorf("rule %s: %w", r.ID, err))
			if errors.Is(err, ErrDown) {
				break
			}
			continue
		}
		for _, v := range vs {
			out = append(out, v.finding(r, conv, c.cfg.Model))
		}
	}
	if whole.Err() != nil {
		return nil, whole.Err()
	}
	if ctx.Err() != nil {
		errs = append(errs, context.Cause(ctx))
	}
	return out, errors.Join(errs...)
}

// Question is a hash of everything Ask would ask about a conversation, and of whom.
func (c *Client) Question(conv *detectors.Conversation) string {
	h := sha256.New()
	write := func(s string) { fmt.Fprintf(h, "%d:%s", len(s), s) }
	write(c.cfg.Model)
	write(dialogueText(conv))
	for _, r := range c.rules {
		if concerns(r, conv.Kind) {
			write(instructions(r))
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

func concerns(r *lexicon.Rule, kind detectors.Kind) bool {
	return len(r.Recordings) == 0 || kind == "" || slices.Contains(r.Recordings, string(kind))
}

// ask puts one question, unless the same was answered before.
func (c *Client) ask(ctx context.Context, r *lexicon.Rule, conv *detectors.Conversation, text string) ([]violation, error) {
	body, err := json.Marshal(map[string]any{
		"model": c.cfg.Model, "temperature": 0, "max_tokens": 1024, "stream": false,
		"response_format": map[string]string{"type": "json_object"},
		"messages": []map[string]string{
			{"role": "system", "content": instructions(r)},
			{"role": "user", "content": text},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("question: %w", err)
	}
	key := sha256.Sum256(body)
	if vs, ok := c.cached(key); ok {
		return vs, nil
	}
	content, err := c.post(ctx, body)
	if err != nil {
		return nil, err
	}
	vs, err := readAnswer(content, r, conv)
	if err != nil {
		return nil, err
	}
	c.remember(key, vs)
	return vs, nil
}

// post sends a question and returns the text of the answer.
func (c *Client) post(ctx context.Context, body []byte) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.cfg.Timeout, fmt.Errorf("no answer within %s", c.cfg.Timeout))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return "", fmt.Errorf("question: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	if c.cfg.Key != "" {
		req.Header.Set("Authorization", "Bearer "+c.cfg.Key)
	}
	res, err := c.cfg.Client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return "", fmt.Errorf("ask %s: %w", c.url, context.Cause(ctx))
		}
		return "", fmt.Errorf("%w: ask %s: %w", ErrDown, c.url, err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return "", fmt.Errorf("answer of %s: %w", c.url, err)
	}
	if len(data) > maxAnswer {
		return "", fmt.Errorf("answer of %s: more than %d bytes", c.url, maxAnswer)
	}
	if res.StatusCode != http.StatusOK {
		err := fmt.Errorf("answer of %s: %s: %s", c.url, res.Status, cut(strings.TrimSpace(string(data)), 200))
		if ofTheQuestion := res.StatusCode == http.StatusBadRequest || res.StatusCode == http.StatusRequestEntityTooLarge ||
			res.StatusCode == http.StatusUnprocessableEntity; !ofTheQuestion {
			err = fmt.Errorf("%w: %w", ErrDown, err)
		}
		return "", err
	}
	var answer struct {
		Choices []struct {
			Message struct {
				Content string `json:"content"`
			} `json:"message"`
			FinishReason string `json:"finish_reason"`
		} `json:"choices"`
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return "", fmt.Errorf("answer of %s is no chat completion: %w", c.url, err)
	}
	if len(answer.Choices) != 1 {
		return "", fmt.Errorf("answer of %s: %d choices, want 1", c.url, len(answer.Choices))
	}
	if reason := answer.Choices[0].FinishReason; reason == "length" {
		return "", fmt.Errorf("answer of %s was cut off", c.url)
	}
	return answer.Choices[0].Message.Content, nil
}

func (c *Client) cached(key [32]byte) ([]violation, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	vs, ok := c.cache[key]
	return vs, ok
}

func (c *Client) remember(key [32]byte, vs []violation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.cache[key]; ok {
		return
	}
	if len(c.order) == maxCached {
		delete(c.cache, c.order[0])
		c.order = c.order[1:]
	}
	c.cache[key] = vs
	c.order = append(c.order, key)
}
