package postgres

import (
	"bytes"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// text is what PostgreSQL can store of a string from outside: UTF-8 without NUL.
func text(s string) string {
	if utf8.ValidString(s) && !strings.Contains(s, "\x00") {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// asJSON is a parameter of type jsonb, which cannot hold NUL even where it is escaped.
func asJSON(v any) driver.Valuer { return jsonb{v} }

type jsonb struct{ v any }

// Value is part of driver.Valuer.
func (j jsonb) Value() (driver.Value, error) {
	b, err := json.Marshal(j.v)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", j.v, err)
	}
	return string(withoutNUL(b)), nil
}

// withoutNUL replaces escaped NULs in JSON. A backslash begins an escape unless it ends one.
func withoutNUL(b []byte) []byte {
	nul := []byte(`\u0000`)
	if !bytes.Contains(b, nul) {
		return b
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); {
		switch {
		case b[i] != '\\':
			out = append(out, b[i])
			i++
		case bytes.HasPrefix(b[i:], nul):
			out = append(out, `\ufffd`...)
			i += len(nul)
		default:
			out = append(out, b[i:i+2]...)
			i += 2
		}
	}
	return out
}
