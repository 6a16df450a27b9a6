package lexicon

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"sort"
)

// IsRulesetFile says whether a path within a ruleset's directory belongs to the ruleset; everything else there is ignored.
func IsRulesetFile(p string) bool {
	dir, ext := path.Dir(p), path.Ext(p)
	return path.Base(p)[0] != '.' &&
		(dir == "rules" && ext == ".yaml" || dir == "lists" && ext == ".txt" || dir == "." && ext == ".yaml" || p == "model.txt")
}

// ReadFiles reads the files of a ruleset, byte for byte, whether or not they are right.
func ReadFiles(fsys fs.FS) (map[string][]byte, error) {
	l := newLoader()
	if err := l.read(fsys); err != nil {
		return nil, err
	}
	if len(l.errs) > 0 {
		return nil, l.errs.sorted()
	}
	return l.files, nil
}

// LoadFiles makes a ruleset of files held in memory, by path; errors are as for LoadFS.
func LoadFiles(files map[string][]byte) (*Ruleset, error) {
	l := newLoader()
	if len(files) > maxRuleFiles {
		return nil, fmt.Errorf("read ruleset: more than %d files", maxRuleFiles)
	}
	for p, data := range files {
		switch {
		case !fs.ValidPath(p) || !IsRulesetFile(p):
			l.nodes(p).errorf(1, "this is no file of a ruleset")
		case len(data) > maxRuleFile:
			l.nodes(p).errorf(1, "the file is larger than %d bytes", maxRuleFile)
		default:
			l.take(p, data)
		}
	}
	return l.load()
}

// HashFiles is the hash of a ruleset: SHA-256 over every file's path and content, hex.
func HashFiles(files map[string][]byte) string {
	h := sha256.New()
	names := make([]string, 0, len(files))
	for p := range files {
		names = append(names, p)
	}
	sort.Strings(names)
	for _, p := range names {
		fmt.Fprintf(h, "%d:%s%d:", len(p), p, len(files[p]))
		h.Write(files[p])
	}
	return hex.EncodeToString(h.Sum(nil))
}
