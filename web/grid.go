package web

import (
	"math"
	"strconv"
)

// grid is a table: what the page shows and what the files hold are this, one and the same.
type grid struct {
	Caption string
	Columns []gridColumn
	Rows    [][]gridCell // the first cell of each is its heading
}

type gridColumn struct {
	Title string
	Num   bool
}

// gridCell is one cell. Text is what is shown; where there is a number behind it, files hold it as a number.
type gridCell struct {
	Text  string
	Value *float64
	URL   string
	Class string // of the page's styles
}

func (g *grid) column(title string, num bool) {
	g.Columns = append(g.Columns, gridColumn{title, num})
}

// words is a cell of text.
func words(s string) gridCell { return gridCell{Text: s} }

// linked is a cell of text that leads somewhere.
func linked(s, url string) gridCell { return gridCell{Text: s, URL: url} }

// countCell is a cell of a whole number.
func countCell(n int) gridCell {
	v := float64(n)
	return gridCell{Text: strconv.Itoa(n), Value: &v}
}

// decimalCell is a cell of a number with one decimal, in files too: exactly what is shown.
func decimalCell(f float64) gridCell {
	v := math.Round(f*10) / 10
	if v == 0 {
		v = 0 // and not −0
	}
	return gridCell{Text: decimal(v), Value: &v}
}

// shareCell is k of n as per cent; empty where there is no n.
func shareCell(k, n int) gridCell {
	if n == 0 {
		return words("–")
	}
	return decimalCell(100 * float64(k) / float64(n))
}

func decimal(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) }
