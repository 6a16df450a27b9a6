package web

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"
)

// document is what a file holds: where it comes from, and the tables of the page.
type document struct {
	Name  string // of the file, without its ending
	Title string
	Facts []string // span, filters: what the reader must know to find it again
	Grids []grid
}

// sendCSV answers with the document as a file that spreadsheets open.
func sendCSV(w http.ResponseWriter, d document) error {
	var b bytes.Buffer
	b.WriteString("\ufeff") // spreadsheets take a file without it for the local code page
	out := csv.NewWriter(&b)
	for i, g := range d.Grids {
		if i > 0 {
			out.Write(nil)
		}
		if len(d.Grids) > 1 {
			out.Write([]string{cell(g.Caption)})
		}
		var head []string
		for _, c := range g.Columns {
			head = append(head, cell(c.Title))
		}
		out.Write(head)
		for _, row := range g.Rows {
			var line []string
			for _, c := range row {
				if c.Value != nil {
					line = append(line, c.Text)
				} else {
					line = append(line, cell(c.Text))
				}
			}
			out.Write(line)
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("write %s.csv: %w", d.Name, err)
	}
	return sendFile(w, d.Name+".csv", "text/csv; charset=utf-8", b.Bytes())
}

// sendXLSX answers with the document as a workbook, a sheet a table: text as text, numbers as numbers.
func sendXLSX(w http.ResponseWriter, d document) error {
	b, err := workbook(d)
	if err != nil {
		return fmt.Errorf("write %s.xlsx: %w", d.Name, err)
	}
	return sendFile(w, d.Name+".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", b)
}

func sendFile(w http.ResponseWriter, name, kind string, b []byte) error {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s"`, name))
	_, err := w.Write(b)
	return err
}

func workbook(d document) ([]byte, error) {
	f := excelize.NewFile()
	defer f.Close()
	bold, err := f.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}, Alignment: &excelize.Alignment{WrapText: true, Vertical: "top"},
		Border: []excelize.Border{{Type: "bottom", Color: "808080", Style: 1}}})
	if err != nil {
		return nil, err
	}
	title, err := f.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true, Size: 14}})
	if err != nil {
		return nil, err
	}
	tenths := "0.0"
	oneDecimal, err := f.NewStyle(&excelize.Style{CustomNumFmt: &tenths, Alignment: &excelize.Alignment{Vertical: "top"}})
	if err != nil {
		return nil, err
	}
	whole, err := f.NewStyle(&excelize.Style{Alignment: &excelize.Alignment{Vertical: "top"}})
	if err != nil {
		return nil, err
	}
	wrap, err := f.NewStyle(&excelize.Style{Alignment: &excelize.Alignment{WrapText: true, Vertical: "top"}})
	if err != nil {
		return nil, err
	}
	used := map[string]bool{}
	for i, g := range d.Grids {
		name := sheetName(g.Caption, used)
		if i == 0 {
			err = f.SetSheetName("Sheet1", name)
		} else {
			_, err = f.NewSheet(name)
		}
		if err != nil {
			return nil, err
		}
		s := sheet{file: f, name: name}
		s.text(1, 1, d.Title, title)
		for j, fact := range d.Facts {
			s.text(1, 2+j, fact, 0)
		}
		top := 3 + len(d.Facts)
		widths := make([]int, len(g.Columns))
		for x, c := range g.Columns {
			s.text(x+1, top, c.Title, bold)
			widths[x] = width(c.Title)
		}
		for y, row := range g.Rows {
			for x, c := range row {
				switch {
				case c.Value != nil && strings.Contains(c.Text, "."):
					s.number(x+1, top+1+y, *c.Value, oneDecimal)
				case c.Value != nil:
					s.number(x+1, top+1+y, *c.Value, whole)
				default:
					s.text(x+1, top+1+y, c.Text, wrap)
				}
				if x < len(widths) {
					widths[x] = max(widths[x], width(c.Text))
				}
			}
		}
		s.finish(top, widths)
		if s.err != nil {
			return nil, s.err
		}
	}
	b, err := f.WriteToBuffer()
	if err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// sheet writes cells until the first error.
type sheet struct {
	file *excelize.File
	name string
	err  error
}

func (s *sheet) at(x, y int) string {
	name, err := excelize.CoordinatesToCellName(x, y)
	if err != nil && s.err == nil {
		s.err = err
	}
	return name
}

func (s *sheet) text(x, y int, text string, style int) {
	at := s.at(x, y)
	if s.err == nil {
		s.err = s.file.SetCellStr(s.name, at, short(excelize.TotalCellChars-1, cell(text)))
	}
	if s.err == nil && style != 0 {
		s.err = s.file.SetCellStyle(s.name, at, at, style)
	}
}

func (s *sheet) number(x, y int, v float64, style int) {
	at := s.at(x, y)
	if s.err == nil {
		s.err = s.file.SetCellFloat(s.name, at, v, -1, 64)
	}
	if s.err == nil {
		s.err = s.file.SetCellStyle(s.name, at, at, style)
	}
}

// finish keeps the head in sight, makes columns as wide as what they hold, and pages as wide as the paper.
func (s *sheet) finish(head int, widths []int) {
	below := s.at(1, head+1)
	if s.err == nil {
		s.err = s.file.SetPanes(s.name, &excelize.Panes{Freeze: true, YSplit: head, TopLeftCell: below, ActivePane: "bottomLeft"})
	}
	for i, w := range widths {
		if s.err == nil {
			name, err := excelize.ColumnNumberToName(i + 1)
			s.err = err
			if err == nil {
				s.err = s.file.SetColWidth(s.name, name, name, float64(min(max(w, 8), 60)+2))
			}
		}
	}
	landscape, wide, tall := "landscape", 1, 0
	if s.err == nil {
		s.err = s.file.SetPageLayout(s.name, &excelize.PageLayoutOptions{Orientation: &landscape, FitToWidth: &wide, FitToHeight: &tall})
	}
	fit := true
	if s.err == nil {
		s.err = s.file.SetSheetProps(s.name, &excelize.SheetPropsOptions{FitToPage: &fit})
	}
}

// width is how many narrow characters text is as wide as; a Chinese one is two.
func width(s string) int { return utf8.RuneCountInString(s) + (len(s)-utf8.RuneCountInString(s))/2 }

// sheetName makes a caption fit for a sheet: no more than 31 characters, none of which Excel refuses, and no name twice.
func sheetName(caption string, used map[string]bool) string {
	base := strings.Trim(strings.Map(func(r rune) rune {
		if strings.ContainsRune(`[]:*?/\'`, r) {
			return ' '
		}
		return r
	}, clean(caption)), " ")
	if base == "" {
		base = "-"
	}
	name := base
	if r := []rune(base); len(r) > 31 {
		name = string(r[:31])
	}
	for n := 2; used[strings.ToLower(name)]; n++ {
		suffix := fmt.Sprintf(" %d", n)
		r := []rune(base)
		name = string(r[:min(len(r), 31-len(suffix))]) + suffix
	}
	used[strings.ToLower(name)] = true
	return name
}

// cell keeps a spreadsheet from taking outside text for a formula (OWASP: CSV injection). A workbook's text cells are
// never formulas, but the same text pasted or saved as CSV would be.
func cell(s string) string {
	s = clean(s)
	if strings.ContainsAny(firstRune(s), "=+-@\t\r\n＝＋－＠") {
		return "'" + s
	}
	return s
}

func firstRune(s string) string {
	for _, r := range s {
		return string(r)
	}
	return ""
}
