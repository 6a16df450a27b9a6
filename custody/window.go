package custody

import (
	"fmt"
	"strings"
	"time"
)

// Window is the part of every day in which destroying is allowed.
type Window struct {
	From, To time.Duration // since midnight; To may be the next day's
	Zone     *time.Location
}

// ParseWindow reads "01:00-05:00 Asia/Shanghai"; "22:00-04:00 …" goes over midnight.
func ParseWindow(text string) (Window, error) {
	hours, zone, _ := strings.Cut(strings.TrimSpace(text), " ")
	from, to, ok := strings.Cut(hours, "-")
	bad := fmt.Errorf("%q is no window like 01:00-05:00 Asia/Shanghai", text)
	if !ok || zone == "" {
		return Window{}, bad
	}
	loc, err := time.LoadLocation(strings.TrimSpace(zone))
	if err != nil {
		return Window{}, fmt.Errorf("%w: no such time zone", bad)
	}
	w := Window{Zone: loc}
	for _, x := range []struct {
		text string
		into *time.Duration
	}{{from, &w.From}, {to, &w.To}} {
		var h, m int
		if n, err := fmt.Sscanf(x.text, "%d:%d", &h, &m); n != 2 || err != nil || len(x.text) != 5 || h < 0 || m < 0 || m > 59 || h*60+m > 24*60 {
			return Window{}, bad
		}
		*x.into = time.Duration(h)*time.Hour + time.Duration(m)*time.Minute
	}
	if w.From == w.To {
		return Window{}, fmt.Errorf("%w: it is empty", bad)
	}
	if w.To < w.From {
		w.To += 24 * time.Hour
	}
	return w, nil
}

// Open says whether the moment lies in the window, and if so when that ends. Hours are those of the clock on the wall,
// also on a day on which it is put forward or back.
func (w Window) Open(at time.Time) (until time.Time, open bool) {
	y, m, d := at.In(w.Zone).Date()
	for _, day := range []int{d - 1, d} { // yesterday's may still be open
		from := wall(y, m, day, w.From, w.Zone)
		until := wall(y, m, day, w.To, w.Zone)
		if !at.Before(from) && at.Before(until) {
			return until, true
		}
	}
	return time.Time{}, false
}

// wall is the moment at which a clock on the wall shows a time of that day.
func wall(y int, m time.Month, d int, since time.Duration, zone *time.Location) time.Time {
	s := int(since / time.Second)
	return time.Date(y, m, d, s/3600, s/60%60, s%60, int(since%time.Second), zone)
}

// String is the window as ParseWindow reads it.
func (w Window) String() string {
	at := func(d time.Duration) string {
		m := int(d/time.Minute) % (24 * 60)
		if d > 0 && m == 0 {
			m = 24 * 60
		}
		return fmt.Sprintf("%02d:%02d", m/60, m%60)
	}
	return at(w.From) + "-" + at(w.To) + " " + w.Zone.String()
}
