package web

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"
	"github.com/xuri/excelize/v2"

	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/pipeline/audio"
)

// maxExport is how many clips leave at once.
const maxExport = 100

// exportClips takes clips out of the house: one as a sound file, several (or one with a sheet) as a ZIP. Who took what,
// and which personal data in it is to be heard, is on record before anything leaves.
func (c *Console) exportClips(w http.ResponseWriter, r *http.Request) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	format := audio.ExcerptFormat(f.Get("format"))
	if format != audio.ExcerptWAV && format != audio.ExcerptMP3 {
		return errBadRequest
	}
	sheet := f.Get("sheet")
	if !slices.Contains([]string{"", "xlsx", "csv"}, sheet) {
		return errBadRequest
	}
	ids, err := c.exported(r, f)
	if err != nil {
		return err
	}
	var clips []openClip
	for _, id := range ids {
		k, _, err := c.openClip(r, id)
		if err != nil {
			return err
		}
		clips = append(clips, k)
	}
	if err := c.recordExport(r, clips, format); err != nil {
		return err
	}
	file, err := os.CreateTemp("", "speechqa-export-*")
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	defer file.Close()
	if err := os.Remove(file.Name()); err != nil { // it vanishes with this process
		return fmt.Errorf("export: %w", err)
	}
	name, kind := fileName(clips[0].Title)+"."+string(format), mediaType("x."+string(format))
	if len(clips) == 1 && sheet == "" {
		err = c.renderClip(r.Context(), file, clips[0], format)
	} else {
		if sheet == "" {
			sheet = "xlsx"
		}
		name, kind = "clips-"+time.Now().In(c.loc).Format("20060102-1504")+".zip", "application/zip"
		err = c.zipClips(r, file, clips, format, sheet)
	}
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", "attachment; filename*=UTF-8''"+url.PathEscape(name))
	http.ServeContent(w, r, "", time.Time{}, file)
	return nil
}

// exported are the clips a form names: one by one (clip), or a playlist in its order.
func (c *Console) exported(r *http.Request, f url.Values) ([]string, error) {
	var ids []string
	if p := f.Get("playlist"); p != "" {
		id, err := uuid.Parse(p)
		if err != nil {
			return nil, errBadRequest
		}
		_, clips, err := c.store.Playlist(r.Context(), visitorOf(r).scope, id.String())
		if err != nil {
			return nil, fmt.Errorf("export playlist %s: %w", id, err)
		}
		for _, k := range clips {
			ids = append(ids, k.ID)
		}
	}
	for _, s := range f["clip"] {
		id, err := uuid.Parse(s)
		if err != nil {
			return nil, errBadRequest
		}
		if !slices.Contains(ids, id.String()) {
			ids = append(ids, id.String())
		}
	}
	if len(ids) == 0 {
		return nil, errNothingChosen
	}
	if len(ids) > maxExport {
		return nil, errBadRequest
	}
	return ids, nil
}

// recordExport puts on record who takes which clip, and what of its personal data is not bleeped.
func (c *Console) recordExport(r *http.Request, clips []openClip, format audio.ExcerptFormat) error {
	for _, k := range clips {
		plain := []string{}
		for _, b := range k.bleeps {
			if !b.On {
				plain = append(plain, string(b.Kind))
			}
		}
		e := who(r)
		detail, err := json.Marshal(map[string]any{"recording": k.Recording, "from": k.From, "to": k.To, "format": format,
			"bleeped": len(silenced(k.bleeps)), "heard": plain, "together": len(clips)})
		if err != nil {
			return fmt.Errorf("export: %w", err)
		}
		e.Action, e.Subject, e.Detail = "clip.export", "clip:"+k.ID, string(detail)
		if err := c.store.Audit(r.Context(), e); err != nil {
			return fmt.Errorf("the export cannot be put on record: %w", err)
		}
	}
	return nil
}

// zipClips writes sound files, numbered in their order, and a sheet that says what they are. A clip whose recording is
// no longer there is in the sheet, which says so.
func (c *Console) zipClips(r *http.Request, w io.Writer, clips []openClip, format audio.ExcerptFormat, sheet string) error {
	z := zip.NewWriter(w)
	now := time.Now()
	create := func(name string) (io.Writer, error) {
		return z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: now})
	}
	var names []string
	for i, k := range clips {
		name := fmt.Sprintf("%03d-%s.%s", i+1, fileName(k.Title), format)
		var b bytes.Buffer
		err := c.renderClip(r.Context(), &b, k, format)
		if errors.Is(err, pipeline.ErrGone) {
			names = append(names, "")
			continue
		}
		if err != nil {
			return err
		}
		f, err := create(name)
		if err == nil {
			_, err = f.Write(b.Bytes())
		}
		if err != nil {
			return fmt.Errorf("export: %w", err)
		}
		names = append(names, name)
	}
	rows := c.sheetRows(visitorOf(r).lang, clips, names)
	f, err := create("clips." + sheet)
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	write := writeXLSX
	if sheet == "csv" {
		write = writeCSV
	}
	if err := write(f, rows); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	return nil
}

// sheetRows is the sheet of an export: a heading and one row a clip. It names nobody.
func (c *Console) sheetRows(l Lang, clips []openClip, names []string) [][]string {
	t := func(key string) string { return c.messages.text(l, key) }
	rows := [][]string{{t("clips.sheet.no"), t("clips.sheet.file"), t("clips.title"), t("clips.example"), t("clips.rule"), t("clips.tags"),
		t("clips.sheet.seconds"), t("clips.sheet.date"), t("clips.note"), t("clips.sheet.text"), t("clips.sheet.id")}}
	for i, k := range clips {
		file := names[i]
		if file == "" {
			file = t("clips.sheet.gone")
		}
		rule, day := "", ""
		if k.Rule != "" {
			rule = c.rules.Title(k.Rule, string(l))
		}
		if !k.StartedAt.IsZero() {
			day = k.StartedAt.In(c.loc).Format(time.DateOnly)
		}
		var said []string
		for _, line := range k.lines {
			said = append(said, t("speaker."+string(line.Speaker))+": "+line.Masked)
		}
		row := []string{strconv.Itoa(i + 1), file, k.Title, t("clips.example_" + string(k.Example)), rule, strings.Join(k.Tags, ", "),
			decimal(k.To - k.From), day, k.Note, strings.Join(said, "\n"), k.ID}
		for i := range row {
			row[i] = cell(row[i])
		}
		rows = append(rows, row)
	}
	return rows
}

func writeCSV(w io.Writer, rows [][]string) error {
	if _, err := io.WriteString(w, "\ufeff"); err != nil { // spreadsheets take a file without it for the local code page
		return fmt.Errorf("write sheet: %w", err)
	}
	if err := csv.NewWriter(w).WriteAll(rows); err != nil {
		return fmt.Errorf("write sheet: %w", err)
	}
	return nil
}

func writeXLSX(w io.Writer, rows [][]string) (err error) {
	f := excelize.NewFile()
	defer func() { err = errors.Join(err, f.Close()) }()
	const sheet = "Sheet1"
	for i, row := range rows {
		at, err := excelize.CoordinatesToCellName(1, i+1)
		if err == nil {
			err = f.SetSheetRow(sheet, at, &row)
		}
		if err != nil {
			return fmt.Errorf("write sheet: %w", err)
		}
	}
	bold, err := f.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}})
	if err == nil {
		err = f.SetRowStyle(sheet, 1, 1, bold)
	}
	if err == nil {
		err = f.SetColWidth(sheet, "B", "K", 22)
	}
	if err == nil {
		err = f.Write(w)
	}
	if err != nil {
		return fmt.Errorf("write sheet: %w", err)
	}
	return nil
}

// fileName makes a title harmless as the name of a file on any system.
func fileName(title string) string {
	name := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_' || r == '＊' {
			return r
		}
		return '_'
	}, title)
	if rs := []rune(strings.Trim(name, "_")); len(rs) > 40 {
		name = string(rs[:40])
	} else {
		name = string(rs)
	}
	if name == "" {
		return "clip"
	}
	return name
}
