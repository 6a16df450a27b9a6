package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Where the demo model and the samples lie below the repository or the installation.
const (
	demoModel   = "testdata/model/ggml-demo-zh.bin"
	demoSamples = "testdata/samples"
)

// findSamples returns given, or the sample recordings that come with the program.
func findSamples(given string) (string, error) {
	if given != "" {
		if _, err := os.Stat(filepath.Join(given, manifestName)); err != nil {
			return "", fmt.Errorf("%s holds no %s that says what the samples are", given, manifestName)
		}
		return given, nil
	}
	return findShipped(demoSamples, "sample directory", "--samples")
}

// findShipped looks for what the repository or the image ships: beside the program, one level above it (bin/),
// in share/speechqa, and from the working directory upwards, so that tests find it too.
func findShipped(rel, what, flag string) (string, error) {
	var roots []string
	if exe, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(exe); err == nil {
			exe = real
		}
		dir := filepath.Dir(exe)
		roots = append(roots, dir, filepath.Dir(dir), filepath.Join(filepath.Dir(dir), "share", "speechqa"))
	}
	if wd, err := os.Getwd(); err == nil {
		for dir := wd; ; dir = filepath.Dir(dir) {
			roots = append(roots, dir)
			if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil || dir == filepath.Dir(dir) {
				break
			}
		}
	}
	for _, root := range roots {
		path := filepath.Join(root, rel)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("no %s: looked for %s in %s; name it with %s", what, rel, strings.Join(roots, ", "), flag)
}
