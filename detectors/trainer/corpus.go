package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"slices"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/detectors/training"
)

// corpus is everything to learn from, and the dialogues to measure on; a dialogue's group is its index.
type corpus struct {
	*training.Corpus
	dialogues []*detectors.Dialogue
}

func newCorpus(e *detectors.Engine) *corpus {
	return &corpus{Corpus: training.NewCorpus(e, modelRules, nil)}
}

// read adds a file of labelled dialogues or of single utterances {"text", "labels", "callee"}.
func (c *corpus) read(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 16<<20)
	for n := 1; sc.Scan(); n++ {
		var single struct {
			Text   *string  `json:"text"`
			Labels []string `json:"labels"`
			Callee string   `json:"callee"` // third_party: said to one
		}
		if json.Unmarshal(sc.Bytes(), &single) == nil && single.Text != nil {
			c.single(*single.Text, single.Callee, single.Labels)
			continue
		}
		d, err := detectors.ParseDialogue(sc.Bytes(), true)
		if err != nil {
			return fmt.Errorf("%s:%d: %w", file, n, err)
		}
		labels := map[int][]string{}
		for _, l := range d.Labels {
			labels[l.Turn] = append(labels[l.Turn], l.Rule)
		}
		c.dialogues = append(c.dialogues, d)
		c.Add(len(c.dialogues)-1, &d.Conversation, func(u int) (training.Labels, bool) { return broken(labels[u]), true })
	}
	return sc.Err()
}

// single adds an utterance that stands alone; what is disclosed was said to a third party.
func (c *corpus) single(text, callee string, rules []string) {
	call := &detectors.Conversation{Kind: detectors.KindCall, Utterances: []detectors.Utterance{{Speaker: detectors.SpeakerAgent, Text: text}}}
	call.Metadata.Callee = callee
	if slices.Contains(rules, "third_party_disclosure") {
		call.Metadata.Callee = "third_party"
	}
	c.Add(training.Single, call, func(int) (training.Labels, bool) { return broken(rules), true })
}

// broken are the labels of an utterance that breaks these rules and no other.
func broken(rules []string) training.Labels {
	l := training.Labels{ByRule: map[string]training.Label{}}
	for _, r := range rules {
		l.ByRule[r] = training.Yes
	}
	return l
}
