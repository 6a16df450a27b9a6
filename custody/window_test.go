package custody_test

import (
	"testing"
	"time"

	"github.com/speechqa/speechqa/custody"
)

func TestWindow(t *testing.T) {
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range []struct {
		window, at, until string // until: empty for shut
	}{
		{"01:00-05:00 Asia/Shanghai", "2026-11-25T00:59:59+08:00", ""},
		{"01:00-05:00 Asia/Shanghai", "2026-11-25T01:00:00+08:00", "2026-11-25T05:00:00+08:00"},
		{"01:00-05:00 Asia/Shanghai", "2026-11-24T20:59:59Z", "2026-11-24T21:00:00Z"},
		{"01:00-05:00 Asia/Shanghai", "2026-11-25T05:00:00+08:00", ""},
		{"22:30-04:00 UTC", "2026-11-25T23:00:00Z", "2026-11-26T04:00:00Z"},
		{"22:30-04:00 UTC", "2026-11-26T03:59:00Z", "2026-11-26T04:00:00Z"},
		{"22:30-04:00 UTC", "2026-11-26T04:00:00Z", ""},
		{"00:00-24:00 UTC", "2026-11-26T00:00:00Z", "2026-11-27T00:00:00Z"},
		{"01:00-05:00 Europe/Berlin", "2026-03-29T04:30:00+02:00", "2026-03-29T05:00:00+02:00"}, // an hour shorter that night
		{"01:00-05:00 Europe/Berlin", "2026-03-29T05:30:00+02:00", ""},
	} {
		w, err := custody.ParseWindow(c.window)
		if err != nil {
			t.Fatal(err)
		}
		if w.String() != c.window {
			t.Errorf("%s is written %s", c.window, w)
		}
		until, open := w.Open(at(c.at))
		if open != (c.until != "") || open && !until.Equal(at(c.until)) {
			t.Errorf("%s at %s: %v until %v, want %q", c.window, c.at, open, until, c.until)
		}
	}
	for _, bad := range []string{"", "01:00-05:00", "01:00-05:00 Mars/Base", "1:00-5:00 UTC", "25:00-26:00 UTC", "03:00-03:00 UTC", "01:60-02:00 UTC", "24:01-25:00 UTC", "01:00 UTC"} {
		if w, err := custody.ParseWindow(bad); err == nil {
			t.Errorf("%q is read as %v", bad, w)
		}
	}
}
