package main

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

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
	holdSettings(t, "compose.yaml", b, "SPEECHQA_IMAGE", "SPEECHQA_WORKERS")
}

// holdSettings holds that a file names only settings the program has, and those of its own.
func holdSettings(t *testing.T, file string, text []byte, own ...string) {
	t.Helper()
	known := map[string]bool{}
	for _, name := range own {
		known[name] = true
	}
	for _, s := range settings() {
		known[s.Env], known[s.Env+"_FILE"] = true, s.Secret
	}
	for _, name := range regexp.MustCompile(`SPEECHQA_[A-Z0-9_]+`).FindAllString(string(text), -1) {
		if !known[name] {
			t.Errorf("%s names %s, which is no setting", file, name)
		}
	}
}

// TestKubernetes: deploy/kubernetes.yaml is YAML with everything the system needs, sets only what the program knows, starts
// it with flags that it has, gives it longer to stop than it takes, and its services find what they are for.
func TestKubernetes(t *testing.T) {
	b, err := os.ReadFile("../../deploy/kubernetes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	holdSettings(t, "deploy/kubernetes.yaml", b)
	type object struct {
		Kind     string
		Metadata struct{ Name string }
		Data     map[string]string
		Spec     struct {
			Selector any
			Template struct {
				Metadata struct{ Labels map[string]string }
				Spec     struct {
					TerminationGracePeriodSeconds int `yaml:"terminationGracePeriodSeconds"`
					Containers                    []struct{ Args []string }
				}
			}
		}
	}
	all, labels, grace := map[string]object{}, map[string]bool{}, time.Duration(0)
	for d := yaml.NewDecoder(bytes.NewReader(b)); ; {
		var o object
		if err := d.Decode(&o); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all[o.Kind+" "+o.Metadata.Name] = o
		labels[o.Spec.Template.Metadata.Labels["app"]] = true
		if text := o.Data["SPEECHQA_GRACE"]; text != "" {
			if grace, err = time.ParseDuration(text); err != nil {
				t.Error(err)
			}
		}
	}
	for _, name := range []string{"ConfigMap speechqa", "Job speechqa-migrate", "Deployment speechqa-web", "Deployment speechqa-ingest",
		"Deployment speechqa-transcribe", "Deployment speechqa-inspect", "Service speechqa-web", "Service speechqa-ingest"} {
		if _, there := all[name]; !there {
			t.Errorf("%s is missing", name)
		}
	}
	for name, o := range all {
		if selector, _ := o.Spec.Selector.(map[string]any); o.Kind == "Service" && (len(selector) != 1 || !labels[selector["app"].(string)]) {
			t.Errorf("%s is for nothing: %v", name, selector)
		}
		for _, c := range o.Spec.Template.Spec.Containers {
			if status, _, errs := speechqa(t, nil, append(c.Args, "--no-such-flag")...); status == 0 || !strings.Contains(errs, "no-such-flag") {
				t.Errorf("%s: speechqa %v: %s", name, c.Args, errs)
			}
			if stops := time.Duration(o.Spec.Template.Spec.TerminationGracePeriodSeconds) * time.Second; c.Args[0] == "worker" && stops < grace+10*time.Second {
				t.Errorf("%s is killed after %v, and may take %v and ten seconds to stop", name, stops, grace)
			}
		}
	}
}

// TestTestsInDocuments: every test that the documents on security and custody name is there.
func TestTestsInDocuments(t *testing.T) {
	there := map[string]bool{}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && (name == "node_modules" || strings.HasPrefix(name, ".") && len(name) > 2) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		b, err := os.ReadFile(path)
		for _, m := range regexp.MustCompile(`(?m)^func (Test[A-Za-z0-9]+)\(`).FindAllSubmatch(b, -1) {
			there[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, document := range []string{"security.md", "custody.md"} {
		b, err := os.ReadFile("../../docs/" + document)
		if err != nil {
			t.Fatal(err)
		}
		names := regexp.MustCompile("`(Test[A-Za-z0-9]+)`").FindAllSubmatch(b, -1)
		if len(names) < 20 {
			t.Errorf("docs/%s names only %d tests", document, len(names))
		}
		for _, m := range names {
			if !there[string(m[1])] {
				t.Errorf("docs/%s names %s, which is not there", document, m[1])
			}
		}
	}
}

// TestOperationsDocument: docs/operations.md explains every metric, state, queue and reason that the program has, and
// names no setting that it lacks.
func TestOperationsDocument(t *testing.T) {
	b, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(b)
	// wanted are the first groups of a pattern in sources, without tests.
	wanted := func(pattern string, globs ...string) (out []string) {
		for _, g := range globs {
			files, err := filepath.Glob("../../" + g)
			if err != nil || len(files) == 0 {
				t.Fatal(g, err)
			}
			for _, f := range files {
				src, err := os.ReadFile(f)
				if err != nil {
					t.Fatal(err)
				}
				if strings.HasSuffix(f, "_test.go") {
					continue
				}
				for _, m := range regexp.MustCompile(pattern).FindAllSubmatch(src, -1) {
					out = append(out, string(m[1]))
				}
			}
		}
		if len(out) == 0 {
			t.Fatalf("nothing fits %s", pattern)
		}
		return out
	}
	for _, name := range wanted(`(?:NewDesc\(|Name:\s*)"(speechqa_[a-z_]+)"`, "worker/*.go", "worker/*/*.go", "cmd/speechqa/*.go", "storage/*/*.go", "web/*.go") {
		if !strings.Contains(doc, "`"+name) {
			t.Errorf("metric %s", name)
		}
	}
	for _, state := range wanted(`State[A-Z]\w* +State += "(\w+)"`, "pipeline/*.go") {
		if !strings.Contains(doc, "| `"+state+"` |") {
			t.Errorf("state %s", state)
		}
	}
	for _, queue := range wanted(`Queue[A-Z]\w* *= "(\w+)"`, "worker/*.go") {
		if !strings.Contains(doc, "| `"+queue+"` |") {
			t.Errorf("queue %s", queue)
		}
	}
	sources := []string{"pipeline/classify.go", "pipeline/whisper/silero.go", "pipeline/whisper/transcriber.go"}
	for _, f := range []string{"decode", "excerpt", "ffmpeg", "open", "riff", "sniff", "source", "wav"} {
		sources = append(sources, "pipeline/audio/"+f+".go")
	}
	for _, sentence := range wanted(`"(?:%s)?[,]?((?:WAV )?\p{Han}{6}[^"%]*)`, sources...) {
		if !strings.Contains(doc, strings.TrimSpace(sentence)) {
			t.Errorf("reason %s", sentence)
		}
	}
	holdSettings(t, "docs/operations.md", b)
}
