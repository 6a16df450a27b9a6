package web

import "math"

// chart is the drawing of the trends: one line per group with a dot at the rate and a bar over its interval.
// All lengths are in the drawing's own units.
type chart struct {
	Width, Height int
	Lines         []chartLine
	Ticks         []chartTick
	Left, Right   int
	More          int // groups that are only in the table
}

type chartLine struct {
	Name         string
	Y            int
	X            float64
	LowX, Length float64
	MedianX      float64
	ThenX        float64 // of the earlier period's rate
	Then         bool
	Row          trendRow
}

type chartTick struct {
	X     float64
	Label float64
}

// chartLines is the largest number of groups drawn; the table has them all.
const chartLines = 25

func drawChart(rows []trendRow) chart {
	const lineHeight, top = 24, 26
	ch := chart{Width: 900, Left: 170, Right: 880}
	limit := 5.0
	for i, r := range rows {
		if i < chartLines && r.Recordings > 0 {
			limit = max(limit, r.High)
		}
	}
	step := niceStep(limit)
	limit = math.Min(100, math.Ceil(limit/step)*step)
	x := func(rate float64) float64 {
		v := float64(ch.Left) + math.Min(rate, limit)/limit*float64(ch.Right-ch.Left)
		return math.Round(v*10) / 10
	}
	for v := 0.0; v <= limit+1e-9; v += step {
		ch.Ticks = append(ch.Ticks, chartTick{x(v), v})
	}
	for i, r := range rows {
		if i >= chartLines {
			ch.More++
			continue
		}
		line := chartLine{Name: r.Name, Y: top + i*lineHeight, X: x(r.Rate), LowX: x(r.Low),
			Length: math.Max(1, x(r.High)-x(r.Low)), MedianX: x(r.Median), Row: r}
		if line.Then = r.Change != nil && r.Change.Recordings > 0; line.Then {
			line.ThenX = x(r.Change.Rate)
		}
		ch.Lines = append(ch.Lines, line)
	}
	ch.Height = top + len(ch.Lines)*lineHeight
	return ch
}

// niceStep is the distance of the axis' ticks: 1, 2, 5, 10, 20 or 25.
func niceStep(limit float64) float64 {
	for _, s := range []float64{1, 2, 5, 10, 20} {
		if limit/s <= 6 {
			return s
		}
	}
	return 25
}
