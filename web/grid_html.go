package web

import (
	"html/template"
	"strings"
)

// Body is the grid's rows as HTML. A table of four hundred rows has six thousand cells; html/template takes longer for
// them than the database for the figures in them.
func (g grid) Body() template.HTML {
	var b strings.Builder
	for _, row := range g.Rows {
		b.WriteString("<tr>")
		for i, c := range row {
			open, end := `<td class="`, `</td>`
			if i == 0 {
				open, end = `<th scope="row">`, `</th>`
			} else {
				if c.Value != nil {
					open += "num "
				}
				open += template.HTMLEscapeString(c.Class) + `">`
			}
			b.WriteString(open)
			c.write(&b)
			b.WriteString(end)
		}
		b.WriteString("</tr>\n")
	}
	return template.HTML(b.String())
}

// write is the cell's text, as a link where it leads to a page of the console.
func (c gridCell) write(b *strings.Builder) {
	page := strings.HasPrefix(c.URL, "/") && !strings.HasPrefix(c.URL, "//")
	if page {
		b.WriteString(`<a href="`)
		b.WriteString(template.HTMLEscapeString(c.URL))
		b.WriteString(`">`)
	}
	b.WriteString(`<bdi>`)
	b.WriteString(template.HTMLEscapeString(clean(c.Text)))
	b.WriteString(`</bdi>`)
	if page {
		b.WriteString(`</a>`)
	}
}
