package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/speechqa/speechqa/pipeline/whisper"
)

// modelCmd lists, fetches and checks models.
type modelCmd struct {
	List   modelListCmd   `cmd:"" help:"Show the models that can be fetched by name."`
	Get    modelGetCmd    `cmd:"" help:"Fetch a model; continues an interrupted download and refuses a wrong hash."`
	Verify modelVerifyCmd `cmd:"" help:"Check fetched models against their published SHA-256."`
}

type modelsDirFlag struct {
	ModelsDir string `config:"SPEECHQA_MODELS_DIR" placeholder:"DIR" help:"Where models are kept; default below the user's data directory."`
}

func (f modelsDirFlag) dir(a *app) string {
	if f.ModelsDir != "" {
		return f.ModelsDir
	}
	return whisper.DefaultModelsDir(a.env)
}

type modelListCmd struct{ modelsDirFlag }

// Run prints the table.
func (c *modelListCmd) Run(a *app) error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tKIND\tMB\tHERE\tSHA-256\tNOTE")
	for _, m := range whisper.Models {
		here := ""
		if st, err := os.Stat(filepath.Join(c.dir(a), m.File)); err == nil {
			here = "yes"
			if st.Size() != m.Size {
				here = "damaged"
			}
		}
		fmt.Fprintf(w, "%s\t%s\t%.1f\t%s\t%s\t%s\n", m.Name, m.Kind, float64(m.Size)/1e6, here, m.SHA256, m.Note)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(a.stdout, "\nkept in", c.dir(a))
	return err
}

type modelGetCmd struct {
	modelsDirFlag
	Mirror string `config:"SPEECHQA_MODEL_MIRROR" default:"https://huggingface.co" placeholder:"URL" help:"Base address to fetch from: one with the hub's paths, or any address with {file} where the file's name goes."`
	URL    string `name:"url" placeholder:"URL" help:"Fetch this file instead; needs --sha256. NAME is then the name it is kept under."`
	SHA256 string `name:"sha256" placeholder:"HEX" help:"The SHA-256 the file must have, with --url."`
	Name   string `arg:"" help:"A name of 'model list', e.g. large-v3-turbo-q5_0."`
}

// Run fetches one model.
func (c *modelGetCmd) Run(a *app) error {
	m, known := whisper.LookUp(c.Name)
	url := m.URL(c.Mirror)
	switch {
	case c.URL != "" && c.SHA256 == "":
		return errors.New("--url needs --sha256: a model of unknown content is not taken")
	case c.URL != "":
		if known {
			return fmt.Errorf("%s is the name of a published model: give another for %s", c.Name, c.URL)
		}
		if c.Name != filepath.Base(c.Name) {
			return fmt.Errorf("%s: a name, not a path", c.Name)
		}
		m, url = whisper.Model{Name: c.Name, File: c.Name, SHA256: c.SHA256}, c.URL
	case !known:
		return fmt.Errorf("no model is called %s; `speechqa model list` shows what can be had", c.Name)
	}
	path := filepath.Join(c.dir(a), m.File)
	bar := newBar(a.stderr)
	bar.begin(m.Name)
	d := whisper.Download{Progress: func(done, total int64) {
		if total > 0 {
			bar.set(float64(done) / float64(total))
		}
	}}
	err := d.Fetch(a.ctx, url, path, m.SHA256, m.Size)
	bar.end()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(a.stdout, path)
	return err
}

type modelVerifyCmd struct {
	modelsDirFlag
	Names []string `arg:"" optional:"" name:"name" help:"Names or files; default: every model that is there."`
}

// Run prints one line per model and fails if one is wrong.
func (c *modelVerifyCmd) Run(a *app) error {
	names := c.Names
	if len(names) == 0 {
		for _, m := range whisper.Models {
			if _, err := os.Stat(filepath.Join(c.dir(a), m.File)); err == nil {
				names = append(names, m.Name)
			}
		}
		if len(names) == 0 {
			return fmt.Errorf("no model is in %s", c.dir(a))
		}
	}
	var errs []error
	for _, name := range names {
		m, known := whisper.LookUp(filepath.Base(name))
		path := name
		if known && m.Name == name {
			path = filepath.Join(c.dir(a), m.File)
		}
		if !known {
			sum, err := whisper.HashFile(path)
			if err == nil {
				err = fmt.Errorf("%s is no published model; its SHA-256 is %s", path, sum)
			}
			errs = append(errs, err)
			continue
		}
		if err := whisper.Verify(path, m.SHA256); err != nil {
			errs = append(errs, err)
			continue
		}
		fmt.Fprintln(a.stdout, "ok", path)
	}
	return errors.Join(errs...)
}
