package meta

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/simplifiedchinese"
)

const csvManifest = `录音文件,坐席工号,被叫号码,通话开始时间,备注
a/1.wav,1023,13800138000,2026/3/2 10:15,"说明,带逗号"
\b\2.mp3,1024,13900139000,2026/3/2 10:16,
,1025,,,
a/1.wav,1026,,,

3.wav,1027,1,2,3,4
4.wav,1028,,,
c/4.wav,1029,,,
`

var wantBad = []LineError{{4, "没有录音文件名"}, {5, "录音“a/1.wav”与第 2 行重复"}, {7, "有 6 列,表头只有 5 列"}}

func TestManifestCSV(t *testing.T) {
	gb, err := simplifiedchinese.GB18030.NewEncoder().String(csvManifest)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"UTF-8": csvManifest, "with BOM": "\xef\xbb\xbf" + csvManifest, "GB 18030": gb,
		"CRLF": strings.ReplaceAll(csvManifest, "\n", "\r\n"),
		"tabs": strings.ReplaceAll(strings.ReplaceAll(csvManifest, "带逗号", "带\t号"), ",", "\t"),
	} {
		t.Run(name, func(t *testing.T) {
			m, bad, err := ReadManifest(strings.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(wantBad, bad); d != "" {
				t.Errorf("bad rows: want -, got +:\n%s", d)
			}
			if m.Len() != 4 {
				t.Errorf("%d rows", m.Len())
			}
			for key, agent := range map[string]string{
				"a/1.wav": "1023", "/a/1.wav": "1023", "b/2.mp3": "1024", "2026/b/2.wav": "1024", "b/2.wav": "1024", "c/2.wav": "", "x/1.wav": "",
				"4.wav": "1028", "c/4.wav": "1029", "d/4.wav": "", "none.wav": "",
			} {
				row, ok := m.Row(key)
				if ok != (agent != "") || row["坐席工号"] != agent {
					t.Errorf("%s: %v %v, want agent %q", key, row, ok, agent)
				}
			}
		})
	}
}

// TestManifestPaths: dialers write paths of their own disks, or none.
func TestManifestPaths(t *testing.T) {
	m, _, err := ReadManifest(strings.NewReader("file,agent\nbare.wav,1\nday/part.wav,2\n"))
	if err != nil {
		t.Fatal(err)
	}
	for key, agent := range map[string]string{"any/where/bare.mp3": "1", "bucket/day/part.wav": "2", "other/part.wav": ""} {
		if row, _ := m.Row(key); row["agent"] != agent {
			t.Errorf("%s: %v", key, row)
		}
	}
}

func TestManifestXLSX(t *testing.T) {
	f := excelize.NewFile()
	defer f.Close()
	for i, row := range [][]any{
		{"文件名", "工号", "手机号", "开始时间", "关系"},
		{"a.wav", 1023, 13800138000, time.Date(2026, 3, 2, 10, 15, 30, 0, time.UTC), "本人"},
		{},
		{nil, 1024},
		{"b.wav", "0042", "138****8000", "2026-03-02 10:15:30", "妻子"},
	} {
		cell, err := excelize.CoordinatesToCellName(1, i+1)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.SetSheetRow("Sheet1", cell, &row); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	m, bad, err := ReadManifest(&b)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]LineError{{4, "没有录音文件名"}}, bad); d != "" {
		t.Errorf("bad rows: want -, got +:\n%s", d)
	}
	for key, want := range map[string]struct{ agent, phone, relation string }{
		"x/a.wav": {"1023", "13800138000", "self"}, "b.wav": {"0042", "138****8000", "spouse"},
	} {
		row, _ := m.Row(key)
		got := (&Resolver{}).Resolve(Sources{Manifest: row})
		md := got.Metadata
		if md.AgentID != want.agent || md.Phone != want.phone || md.Relation != want.relation || !md.StartedAt.Equal(march2) || len(got.Notes) != 0 {
			t.Errorf("%s: row %v resolves to %+v", key, row, got)
		}
	}
}

func TestManifestRefused(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"empty":            {"", "空"},
		"no file column":   {"工号,电话\n1,2\n", "没有录音文件名一列"},
		"binary":           {"a\x00b,c\n", "不是文本"},
		"broken XLSX":      {"PK\x03\x04 and no more", "XLSX"},
		"another encoding": {"\xff\xfe\xff\x00", "GB18030"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := ReadManifest(strings.NewReader(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want something about %q", err, c.want)
			}
		})
	}
	if _, bad, err := ReadManifest(strings.NewReader("file,agent\na.wav,\"1\"x\nb.wav,2\n")); err != nil || len(bad) != 1 || bad[0].Line != 2 {
		t.Errorf("%v %v", bad, err)
	}
}
