package web

import (
	"fmt"
	"math"
	"strings"
)

// lineChart is a drawing of something over time: a dot for each point, joined, in the band of its intervals.
// All lengths are in the drawing's own units.
type lineChart struct {
	Width, Height     int
	Left, Right       int
	Top, Bottom       int
	Dots              []lineDot
	Line, Band, Other string // points: of the values, of the band around them, of what they are compared with
	Ticks             []lineTick
}

type lineDot struct {
	X, Y  float64
	Label string // below the axis; empty where there is no room
	Name  string
	Value float64
	Faint bool // nothing is known there
}

type lineTick struct {
	Y     float64
	Label float64
}

// linePoint is one point of time.
type linePoint struct {
	Name      string
	Value     float64
	Low, High float64
	Other     float64 // something to compare with, drawn as a thin broken line; below 0: none
	None      bool    // nothing is known of that time
}

// drawLine draws the points over the width; no value is above limit. Points are named by their day, 2006-01-02.
func drawLine(points []linePoint, width int, limit float64) lineChart {
	ch := lineChart{Width: width, Height: 240, Left: 44, Right: width - 30, Top: 12, Bottom: 208}
	top := 5.0
	for _, p := range points {
		if !p.None {
			top = max(top, min(limit, p.High), p.Value, p.Other)
		}
	}
	step := niceStep(top)
	top = math.Min(limit, math.Ceil(top/step)*step)
	y := func(v float64) float64 {
		return round1(float64(ch.Bottom) - math.Min(v, top)/top*float64(ch.Bottom-ch.Top))
	}
	x := func(i int) float64 {
		if len(points) == 1 {
			return float64(ch.Left+ch.Right) / 2
		}
		return round1(float64(ch.Left) + float64(i)/float64(len(points)-1)*float64(ch.Right-ch.Left))
	}
	for v := 0.0; v <= top+1e-9; v += step {
		ch.Ticks = append(ch.Ticks, lineTick{y(v), v})
	}
	room := width / 75 // labels beside each other
	every := (len(points) + room - 1) / room
	var line, upper, lower, other []string
	for i, p := range points {
		d := lineDot{X: x(i), Y: y(p.Value), Name: p.Name, Value: p.Value, Faint: p.None}
		if i%every == 0 {
			if d.Label = p.Name; len(p.Name) > 5 && i > 0 && points[i-every].Name[:4] == p.Name[:4] {
				d.Label = p.Name[5:] // the year is said once
			}
		}
		ch.Dots = append(ch.Dots, d)
		if p.Other >= 0 {
			other = append(other, fmt.Sprintf("%v,%v", d.X, y(p.Other)))
		}
		if p.None {
			continue
		}
		line = append(line, fmt.Sprintf("%v,%v", d.X, d.Y))
		upper = append(upper, fmt.Sprintf("%v,%v", d.X, y(p.High)))
		lower = append([]string{fmt.Sprintf("%v,%v", d.X, y(p.Low))}, lower...)
	}
	ch.Line, ch.Other = strings.Join(line, " "), strings.Join(other, " ")
	ch.Band = strings.Join(append(upper, lower...), " ")
	return ch
}

// weekPoints are the rates of weeks with their intervals.
func weekPoints(rows []trendRow) (out []linePoint) {
	for _, r := range rows {
		out = append(out, linePoint{Name: r.Key, Value: r.Rate, Low: r.Low, High: r.High, Other: -1})
	}
	return out
}

func round1(v float64) float64 { return math.Round(v*10) / 10 }
