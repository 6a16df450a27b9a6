package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// allowedImports are the edges between this module's packages, as docs/design.md draws them. cmd/speechqa, which
// puts everything together, tools and tests may import anything; nobody may import those.
var allowedImports = map[string][]string{
	"lexicon":                    {},
	"detectors":                  {"lexicon"},
	"detectors/estimate":         {},
	"detectors/pii":              {"detectors", "lexicon"},
	"detectors/training":         {"detectors", "lexicon"},
	"detectors/trainer":          {"detectors/training", "detectors", "lexicon"},
	"pipeline/audio":             {"detectors"},
	"pipeline/audio/audiotest":   {"pipeline/audio"},
	"pipeline/meta":              {"detectors"},
	"pipeline/whisper":           {"pipeline/audio", "detectors", "lexicon"},
	"pipeline/secondopinion":     {"pipeline", "detectors", "lexicon"},
	"pipeline":                   {"pipeline/audio", "detectors", "lexicon"},
	"rulework":                   {"detectors", "detectors/pii", "detectors/training", "lexicon"},
	"custody":                    {"pipeline"},
	"evidence":                   {"custody", "storage/postgres", "pipeline", "detectors", "lexicon"},
	"storage/embedded":           {},
	"storage/objects":            {"custody", "pipeline", "detectors"},
	"storage/postgres":           {"custody", "pipeline", "pipeline/audio", "detectors", "detectors/estimate", "detectors/pii", "lexicon", "rulework"},
	"storage/storagetest":        {"storage/embedded", "storage/objects", "storage/postgres"},
	"storage/storagetest/office": {"detectors"},
	"worker":                     {"pipeline"},
	"worker/discovery":           {"pipeline", "pipeline/meta"},
	"web":                        {"web/hooks", "custody", "evidence", "storage/postgres", "pipeline", "pipeline/audio", "detectors", "detectors/estimate", "detectors/pii", "rulework", "lexicon"},
	"web/build":                  {},
	"web/hooks":                  {"storage/postgres"},
	"web/browsertest":            {},
}

// TestImportDirections holds the packages to their layers.
func TestImportDirections(t *testing.T) {
	const module = "github.com/speechqa/speechqa/"
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		name := strings.TrimPrefix(f[0], module)
		if name == "cmd/speechqa" || strings.HasPrefix(name, "tools/") {
			continue
		}
		allowed, known := allowedImports[name]
		if !known {
			t.Errorf("package %s is new: say in allowedImports and docs/design.md what it may import", name)
			continue
		}
		seen++
		for _, i := range f[1:] {
			if to, own := strings.CutPrefix(i, module); own && !slices.Contains(allowed, to) {
				t.Errorf("%s must not import %s (docs/design.md)", name, to)
			}
		}
	}
	if seen < 10 {
		t.Errorf("%d packages seen", seen)
	}
}
