// Command build bundles the console's scripts and styles from web/assets/src, with the packages npm has put into
// web/node_modules, into web/assets/dist, from where the binary embeds them.
//
//	cd web && npm ci --ignore-scripts && cd .. && go run ./web/build
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/evanw/esbuild/pkg/api"
)

func main() {
	dir := flag.String("dir", "web", "the console's folder")
	flag.Parse()
	if err := build(*dir); err != nil {
		fmt.Fprintln(os.Stderr, "web/build:", err)
		os.Exit(1)
	}
}

// build writes one file per entry point: every script whose name does not begin with _, and app.css. It fails before writing anything when a package is missing.
func build(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "wavesurfer.js")); err != nil {
		return fmt.Errorf("npm packages are missing in %s: run `npm ci --ignore-scripts` there first (%w)", dir, err)
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	src := filepath.Join(abs, "assets", "src")
	pages, err := filepath.Glob(filepath.Join(src, "[^_]*.js"))
	if err != nil {
		return err
	}
	result := api.Build(api.BuildOptions{
		EntryPoints:       append(pages, filepath.Join(src, "app.css")),
		Outdir:            filepath.Join(abs, "assets", "dist"),
		AbsWorkingDir:     abs,
		Bundle:            true,
		MinifyWhitespace:  true,
		MinifyIdentifiers: true,
		MinifySyntax:      true,
		LegalComments:     api.LegalCommentsLinked,
		Charset:           api.CharsetUTF8,
		Engines: []api.Engine{ // office machines are seldom new
			{Name: api.EngineChrome, Version: "99"},
			{Name: api.EngineFirefox, Version: "102"},
			{Name: api.EngineSafari, Version: "15.4"},
		},
		Write:    true,
		LogLevel: api.LogLevelWarning,
	})
	if len(result.Errors) > 0 {
		return fmt.Errorf("%d errors", len(result.Errors))
	}
	for _, f := range result.OutputFiles {
		fmt.Printf("%7d  %s\n", len(f.Contents), f.Path)
	}
	return nil
}
