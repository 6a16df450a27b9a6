package whisper

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Model is a published model that can be fetched by name.
type Model struct {
	Name   string
	Kind   string // "speech" or "voice detector"
	Repo   string // repository and revision on the model hub; a revision never changes
	File   string
	Size   int64  // bytes
	SHA256 string // hex, as the hub publishes it
	Note   string
}

// Repositories of whisper.cpp's own conversions, at fixed revisions.
const (
	speechRepo = "ggerganov/whisper.cpp/resolve/5359861c739e955e79d9a303bcbc70fb988958b1"
	vadRepo    = "ggml-org/whisper-vad/resolve/9ffd54a1e1ee413ddf265af9913beaf518d1639b"
)

// Models are the models `speechqa model get` knows. Sizes and hashes are those of the files' pages on the hub at
// the revisions above.
var Models = []Model{
	{"large-v3-turbo-q5_0", "speech", speechRepo, "ggml-large-v3-turbo-q5_0.bin", 574041195,
		"394221709cd5ad1f40c46e6031ca61bce88931e6e088c188294c6d5a55ffa7e2", "recommended"},
	{"large-v3-turbo-q8_0", "speech", speechRepo, "ggml-large-v3-turbo-q8_0.bin", 874188075,
		"317eb69c11673c9de1e1f0d459b253999804ec71ac4c23c17ecf5fbe24e259a1", "a little better, a little slower"},
	{"large-v3-turbo", "speech", speechRepo, "ggml-large-v3-turbo.bin", 1624555275,
		"1fc70f774d38eb169993ac391eea357ef47c88757ef72ee5943879b7e8e2bc69", "for a GPU"},
	{"large-v3-q5_0", "speech", speechRepo, "ggml-large-v3-q5_0.bin", 1081140203,
		"d75795ecff3f83b5faa89d1900604ad8c780abd5739fae406de19f23ecd98ad1", "best on hard audio, several times slower"},
	{"large-v3", "speech", speechRepo, "ggml-large-v3.bin", 3095033483,
		"64d182b440b98d5203c4f9bd541544d84c605196c4f7b845dfa11fb23594d1e2", "best on hard audio, for a GPU"},
	{"medium-q5_0", "speech", speechRepo, "ggml-medium-q5_0.bin", 539212467,
		"19fea4b380c3a618ec4723c3eef2eb785ffba0d0538cf43f8f235e7b3b34220f", ""},
	{"medium", "speech", speechRepo, "ggml-medium.bin", 1533763059,
		"6c14d5adee5f86394037b4e4e8b59f1673b6cee10e3cf0b11bbdbee79c156208", ""},
	{"small-q5_1", "speech", speechRepo, "ggml-small-q5_1.bin", 190085487,
		"ae85e4a935d7a567bd102fe55afc16bb595bdb618e11b2fc7591bc08120411bb", "for a first try on a weak machine"},
	{"small", "speech", speechRepo, "ggml-small.bin", 487601967,
		"1be3a9b2063867b937e64e2ec7483364a79917e157fa98c5d94b5c1fffea987b", ""},
	{"silero-v6.2.0", "voice detector", vadRepo, "ggml-silero-v6.2.0.bin", 885098,
		"2aa269b785eeb53a82983a20501ddf7c1d9c48e33ab63a41391ac6c9f7fb6987", "for --vad-model"},
	{"silero-v5.1.2", "voice detector", vadRepo, "ggml-silero-v5.1.2.bin", 885098,
		"29940d98d42b91fbd05ce489f3ecf7c72f0a42f027e4875919a28fb4c04ea2cf", ""},
}

// DefaultMirror is where models come from unless another base address is configured.
const DefaultMirror = "https://huggingface.co"

// URL is the model's address below a mirror's base address. A base that contains {file} is used as a whole, with
// the file's name put in; otherwise the mirror must have the hub's paths.
func (m Model) URL(mirror string) string {
	if strings.Contains(mirror, "{file}") {
		return strings.ReplaceAll(mirror, "{file}", m.File)
	}
	return strings.TrimRight(mirror, "/") + "/" + m.Repo + "/" + m.File
}

// LookUp finds a model by its name or file name.
func LookUp(name string) (Model, bool) {
	for _, m := range Models {
		if name == m.Name || name == m.File {
			return m, true
		}
	}
	return Model{}, false
}

// DefaultModelsDir is where models are kept unless configured: SPEECHQA_MODELS_DIR, else below the user's data
// directory.
func DefaultModelsDir(env func(string) string) string {
	if d := env("SPEECHQA_MODELS_DIR"); d != "" {
		return d
	}
	if d := env("XDG_DATA_HOME"); d != "" {
		return filepath.Join(d, "speechqa", "models")
	}
	return filepath.Join(env("HOME"), ".local", "share", "speechqa", "models")
}

// FindModel turns what --model says into a file: a path, or the name of a model fetched into dir.
func FindModel(nameOrPath, dir string) (string, error) {
	if m, ok := LookUp(nameOrPath); ok {
		path := filepath.Join(dir, m.File)
		if st, err := os.Stat(path); err == nil && st.Size() == m.Size {
			return path, nil
		} else if err == nil {
			return "", fmt.Errorf("%s has %d bytes, %s has %d: fetch it again with `speechqa model get %s`", path, st.Size(), m.Name, m.Size, m.Name)
		}
		if _, err := os.Stat(nameOrPath); err != nil {
			return "", fmt.Errorf("model %s is not in %s: fetch it with `speechqa model get %s`", m.Name, dir, m.Name)
		}
	}
	if err := readable(nameOrPath); err != nil {
		return "", fmt.Errorf("%w (neither a file nor a name of `speechqa model list`)", err)
	}
	return nameOrPath, nil
}
