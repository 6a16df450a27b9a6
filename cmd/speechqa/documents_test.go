package main

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// TestSettingsInREADME: the table is what `speechqa config --markdown` prints.
func TestSettingsInREADME(t *testing.T) {
	var table bytes.Buffer
	if err := writeSettingsMarkdown(&table); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), table.String()) {
		t.Error("the table of settings in README.md is old: put the output of `speechqa config --markdown` there")
	}
}

// TestSettingsInCompose: compose.yaml is YAML, and sets only what the program knows.
func TestSettingsInCompose(t *testing.T) {
	b, err := os.ReadFile("../../compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Services map[string]struct {
			Image string
		}
	}
	if err := yaml.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"postgres", "valkey", "minio", "migrate", "web", "worker", "ingest"} {
		if doc.Services[name].Image == "" {
			t.Errorf("service %s is missing or has no image", name)
		}
	}
	known := map[string]bool{"SPEECHQA_IMAGE": true, "SPEECHQA_WORKERS": true} // compose.yaml's own
	for _, s := range settings() {
		known[s.Env] = true
		if s.Secret {
			known[s.Env+"_FILE"] = true
		}
	}
	for _, name := range regexp.MustCompile(`SPEECHQA_[A-Z0-9_]+`).FindAllString(string(b), -1) {
		if !known[name] {
			t.Errorf("compose.yaml sets %s, which is no setting", name)
		}
	}
}
