package web

import (
	"archive/zip"
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"slices"
)

// exportVersion gives all files of a version, byte for byte as they were imported or written, in a ZIP that
// `speechqa rules check` and `rules import` take once it is unpacked.
func (c *Console) exportVersion(w http.ResponseWriter, r *http.Request) error {
	id, err := pathNumber(r, "version")
	if err != nil {
		return err
	}
	v, err := c.store.RulesetVersion(r.Context(), id)
	if err != nil {
		return fmt.Errorf("version %d: %w", id, err)
	}
	files, err := c.store.RulesetFiles(r.Context(), id)
	if err != nil {
		return fmt.Errorf("files of version %d: %w", id, err)
	}
	var b bytes.Buffer // whole before the first byte goes out, so that an error is a page and not half a file
	z := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		f, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: v.CreatedAt})
		if err == nil {
			_, err = f.Write(files[name])
		}
		if err != nil {
			return fmt.Errorf("export version %d: %w", id, err)
		}
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("export version %d: %w", id, err)
	}
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="rules-%s.zip"`, v.Title()))
	_, err = w.Write(b.Bytes())
	return err
}
