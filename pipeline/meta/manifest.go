package meta

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// MaxManifest is the size in bytes up to which a manifest is read.
const MaxManifest = 256 << 20

// Manifest is a dialer's list of recordings.
type Manifest struct {
	rows map[string]row // by what identifies the recording in the list
	base map[string]string
}

type row struct {
	line   int
	values map[string]string
}

// LineError is a row of a manifest that cannot be used; the others can.
type LineError struct {
	Line   int // counted from 1, with the header
	Reason string
}

func (e LineError) Error() string { return fmt.Sprintf("第 %d 行:%s", e.Line, e.Reason) }

// fileColumns are the headings of the column that names the recording.
var fileColumns = map[string]bool{"file": true, "filename": true, "file_name": true, "key": true, "object": true, "path": true, "recording": true,
	"文件": true, "文件名": true, "录音": true, "录音文件": true, "录音文件名": true, "录音路径": true, "文件路径": true}

// ReadManifest reads a CSV (comma, semicolon or tab; UTF-8 or GB 18030, as Chinese spreadsheets write it) or an XLSX
// file, of which the first sheet counts. The first row holds the headings; one of them must name the recording.
// Rows that cannot be used are returned, too; nothing else is lost because of them.
func ReadManifest(r io.Reader) (*Manifest, []LineError, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxManifest+1))
	if err != nil {
		return nil, nil, fmt.Errorf("read manifest: %w", err)
	}
	if len(data) > MaxManifest {
		return nil, nil, errors.New("清单文件过大")
	}
	b := &builder{m: &Manifest{rows: map[string]row{}, base: map[string]string{}}}
	if bytes.HasPrefix(data, []byte("PK\x03\x04")) {
		err = b.readXLSX(data)
	} else {
		err = b.readCSV(data)
	}
	if err != nil {
		return nil, nil, err
	}
	if b.header == nil {
		return nil, nil, errors.New("清单是空的,没有表头")
	}
	return b.m, b.bad, nil
}

// Row returns what the manifest says about the recording with the given key: by the whole key, or else by the file
// name where only one row has it.
func (m *Manifest) Row(key string) (map[string]string, bool) {
	if m == nil {
		return nil, false
	}
	id := normalKey(key)
	if r, ok := m.rows[id]; ok {
		return r.values, true
	}
	full := m.base[stem(id)]
	if full == "" {
		return nil, false
	}
	// A row with folders of its own means the recording there and no other of the same name.
	if a, b := "/"+bare(id), "/"+bare(full); strings.Contains(full, "/") && !strings.HasSuffix(a, b) && !strings.HasSuffix(b, a) {
		return nil, false
	}
	return m.rows[full].values, true
}

// Len is the number of usable rows.
func (m *Manifest) Len() int { return len(m.rows) }

// normalKey makes paths comparable: Windows separators, leading slashes.
func normalKey(s string) string {
	return strings.TrimLeft(strings.ReplaceAll(strings.TrimSpace(s), `\`, "/"), "/")
}

// bare is a key without extension: recordings are converted between dialer and store.
func bare(key string) string { return strings.TrimSuffix(key, path.Ext(key)) }

// stem is the file name without folders and extension.
func stem(key string) string { return bare(path.Base(key)) }

// builder collects rows.
type builder struct {
	m      *Manifest
	header []string
	column int // that names the recording
	bad    []LineError
}

// add takes a row; line counts from 1.
func (b *builder) add(line int, cells []string) error {
	empty := true
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
		empty = empty && cells[i] == ""
	}
	if empty {
		return nil
	}
	if b.header == nil {
		return b.setHeader(cells)
	}
	if len(cells) > len(b.header) {
		b.fail(line, fmt.Sprintf("有 %d 列,表头只有 %d 列", len(cells), len(b.header)))
		return nil
	}
	if b.column >= len(cells) || cells[b.column] == "" {
		b.fail(line, "没有录音文件名")
		return nil
	}
	id := normalKey(cells[b.column])
	if old, ok := b.m.rows[id]; ok {
		b.fail(line, fmt.Sprintf("录音“%s”与第 %d 行重复", id, old.line))
		return nil
	}
	values := map[string]string{}
	for i, c := range cells {
		if i != b.column && c != "" && b.header[i] != "" {
			values[b.header[i]] = c
		}
	}
	b.m.rows[id] = row{line, values}
	if _, ok := b.m.base[stem(id)]; ok {
		b.m.base[stem(id)] = "" // ambiguous: only the whole key finds these rows
	} else {
		b.m.base[stem(id)] = id
	}
	return nil
}

// setHeader takes the headings.
func (b *builder) setHeader(cells []string) error {
	b.column = -1
	for i, c := range cells {
		if b.column < 0 && fileColumns[strings.ReplaceAll(strings.ToLower(c), " ", "_")] {
			b.column = i
		}
	}
	if b.column < 0 {
		return fmt.Errorf("清单表头里没有录音文件名一列(如“录音文件”),只有:%s", strings.Join(cells, "、"))
	}
	b.header = cells
	return nil
}

func (b *builder) fail(line int, reason string) {
	b.bad = append(b.bad, LineError{Line: line, Reason: reason})
}

// readCSV reads text.
func (b *builder) readCSV(data []byte) error {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(data) {
		decoded, err := simplifiedchinese.GB18030.NewDecoder().Bytes(data)
		if err != nil || bytes.Contains(decoded, []byte("\uFFFD")) {
			return errors.New("清单既不是 UTF-8 也不是 GB18030 编码的文本")
		}
		data = decoded
	}
	if bytes.IndexByte(data, 0) >= 0 {
		return errors.New("清单不是文本文件,也不是 XLSX")
	}
	r := csv.NewReader(bytes.NewReader(data))
	r.Comma = separator(data)
	r.FieldsPerRecord = -1
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		var bad *csv.ParseError
		if errors.As(err, &bad) {
			b.fail(bad.StartLine, "引号不成对")
			continue
		}
		if err != nil {
			return fmt.Errorf("read manifest: %w", err)
		}
		line, _ := r.FieldPos(0)
		if err := b.add(line, cells); err != nil {
			return err
		}
	}
}

// separator is the most frequent of the usual ones in the first line.
func separator(data []byte) rune {
	line, _, _ := bytes.Cut(data, []byte("\n"))
	best, most := ',', bytes.Count(line, []byte(","))
	for _, c := range ";\t" {
		if n := bytes.Count(line, []byte(string(c))); n > most {
			best, most = c, n
		}
	}
	return best
}

// readXLSX reads the first sheet, row by row and without formatting: dates stay numbers, which readTime knows.
func (b *builder) readXLSX(data []byte) (err error) {
	f, err := excelize.OpenReader(bytes.NewReader(data), excelize.Options{RawCellValue: true, UnzipSizeLimit: 1 << 30, UnzipXMLSizeLimit: 64 << 20})
	if err != nil {
		return fmt.Errorf("清单不是有效的 XLSX 文件: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	sheets := f.GetSheetList()
	if len(sheets) == 0 {
		return errors.New("清单里没有工作表")
	}
	rows, err := f.Rows(sheets[0])
	if err != nil {
		return fmt.Errorf("清单的工作表无法读取: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for line := 1; rows.Next(); line++ {
		cells, err := rows.Columns()
		if err != nil {
			b.fail(line, "无法读取")
			continue
		}
		if err := b.add(line, cells); err != nil {
			return err
		}
	}
	return rows.Error()
}
