package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// configCmd prints the table of settings that README and operations.md carry.
type configCmd struct {
	Markdown bool `help:"As the table in docs/operations.md."`
}

func (c *configCmd) Run(a *app) error {
	if c.Markdown {
		return writeSettingsMarkdown(a.stdout)
	}
	w := tabwriter.NewWriter(a.stdout, 0, 4, 2, ' ', 0)
	group := ""
	for _, s := range settings() {
		if s.Group != group {
			group = s.Group
			fmt.Fprintf(w, "%s\n", group)
		}
		value := a.env(s.Env)
		switch {
		case value == "" && s.Secret && a.env(s.Env+"_FILE") != "":
			value = "(from " + a.env(s.Env+"_FILE") + ")"
		case value == "" && s.Default != "":
			value = s.Default + " (default)"
		case value == "":
			value = "(not set)"
		case s.Secret:
			value = "(set)"
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\n", s.Env, s.Flag, value)
	}
	return w.Flush()
}

// writeSettingsMarkdown is the generated part of docs/operations.md.
func writeSettingsMarkdown(w io.Writer) error {
	var b strings.Builder
	b.WriteString("| variable | flag | default | meaning |\n| --- | --- | --- | --- |\n")
	for _, s := range settings() {
		env := "`" + s.Env + "`"
		if s.Secret {
			env += " or `" + s.Env + "_FILE`"
		}
		def := ""
		switch {
		case len(s.Default) > 40:
			def = "see `speechqa config`"
		case s.Default != "":
			def = "`" + s.Default + "`"
		}
		fmt.Fprintf(&b, "| %s | `%s` | %s | %s |\n", env, s.Flag, def, strings.ReplaceAll(s.Help, "|", "\\|"))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
