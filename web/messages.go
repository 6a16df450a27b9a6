package web

import (
	"embed"
	"fmt"
	"io/fs"
	"path"

	"gopkg.in/yaml.v3"
)

// Lang is a language the console speaks.
type Lang string

// The console's languages; Chinese is the default.
const (
	Chinese Lang = "zh"
	English Lang = "en"
)

// langs is every language, the default first.
var langs = []Lang{Chinese, English}

//go:embed messages
var messageFiles embed.FS

// catalogue holds every sentence of the console: language → key → text with fmt verbs.
type catalogue map[Lang]map[string]string

// loadMessages reads every YAML file of a language's folder, one a part of the console; nested keys become dotted
// ones. A key given twice is an error.
func loadMessages(files fs.FS) (catalogue, error) {
	c := catalogue{}
	for _, l := range langs {
		names, err := fs.Glob(files, path.Join("messages", string(l), "*.yaml"))
		if err != nil {
			return nil, fmt.Errorf("messages: %w", err)
		}
		if len(names) == 0 {
			return nil, fmt.Errorf("messages: none in language %q", l)
		}
		c[l] = map[string]string{}
		for _, name := range names {
			b, err := fs.ReadFile(files, name)
			if err != nil {
				return nil, fmt.Errorf("messages: %w", err)
			}
			var tree map[string]any
			if err := yaml.Unmarshal(b, &tree); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			if err := flatten("", tree, c[l]); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return c, nil
}

func flatten(prefix string, tree map[string]any, into map[string]string) error {
	for k, v := range tree {
		switch v := v.(type) {
		case string:
			if _, twice := into[prefix+k]; twice {
				return fmt.Errorf("%s%s is given in another file too", prefix, k)
			}
			into[prefix+k] = v
		case map[string]any:
			if err := flatten(prefix+k+".", v, into); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%s%s is neither a text nor a group of texts", prefix, k)
		}
	}
	return nil
}

// text gives the sentence of key in a language. An unknown key shows itself in brackets, and a test fails.
func (c catalogue) text(l Lang, key string, args ...any) string {
	s, ok := c[l][key]
	if !ok {
		return "⟦" + key + "⟧"
	}
	if len(args) == 0 {
		return s
	}
	return fmt.Sprintf(s, args...)
}

// has says whether key exists in a language.
func (c catalogue) has(l Lang, key string) bool {
	_, ok := c[l][key]
	return ok
}
