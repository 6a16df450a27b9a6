package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/lexicon"
)

// sample is one utterance of an agent.
type sample struct {
	dialogue int // index in corpus.dialogues, -1 for a single utterance
	features []int32
	labels   map[string]bool
}

// corpus is everything to learn from, its features numbered.
type corpus struct {
	engine    *detectors.Engine
	index     map[lexicon.Feature]int32
	names     []string // by number
	samples   []sample
	dialogues []*detectors.Dialogue
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
		labels := map[int]map[string]bool{}
		for _, l := range d.Labels {
			if labels[l.Turn] == nil {
				labels[l.Turn] = map[string]bool{}
			}
			labels[l.Turn][l.Rule] = true
		}
		c.dialogues = append(c.dialogues, d)
		c.add(len(c.dialogues)-1, &d.Conversation, labels)
	}
	return sc.Err()
}

// single adds an utterance that stands alone; what is disclosed was said to a third party.
func (c *corpus) single(text, callee string, rules []string) {
	labels := map[string]bool{}
	for _, r := range rules {
		labels[r] = true
	}
	call := &detectors.Conversation{Kind: detectors.KindCall, Utterances: []detectors.Utterance{{Speaker: detectors.SpeakerAgent, Text: text}}}
	call.Metadata.Callee = callee
	if labels["third_party_disclosure"] {
		call.Metadata.Callee = "third_party"
	}
	c.add(-1, call, map[int]map[string]bool{0: labels})
}

func (c *corpus) add(dialogue int, conv *detectors.Conversation, labels map[int]map[string]bool) {
	obs := c.engine.Observe(conv)
	for _, u := range slices.Sorted(maps.Keys(obs)) {
		s := sample{dialogue: dialogue, labels: labels[u]}
		for _, f := range obs[u].Features {
			i, ok := c.index[f]
			if !ok {
				i = int32(len(c.names))
				c.index[f] = i
				c.names = append(c.names, obs[u].Names[f])
			}
			s.features = append(s.features, i)
		}
		c.samples = append(c.samples, s)
	}
}
