package meta

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// MaxSidecar is the size in bytes up to which a file beside a recording is read.
const MaxSidecar = 1 << 20

// readSidecar reads a flat JSON object; the object "extra" within may hold more. The error is a sentence for
// staff.
func readSidecar(data []byte) (map[string]string, error) {
	data = bytes.TrimPrefix(bytes.TrimSpace(data), []byte("\xef\xbb\xbf"))
	switch {
	case len(data) == 0:
		return nil, nil
	case len(data) > MaxSidecar:
		return nil, errors.New("旁注文件过大,未采用")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var in map[string]any
	if err := d.Decode(&in); err != nil {
		return nil, errors.New("旁注文件不是有效的 JSON,未采用")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("旁注文件在 JSON 之后还有内容,未采用")
	}
	out := map[string]string{}
	flatten(out, in)
	return out, nil
}

// flatten turns values into text. Lists and objects other than "extra" tell nothing that is known here.
func flatten(out map[string]string, in map[string]any) {
	for k, v := range in {
		switch v := v.(type) {
		case string:
			out[k] = v
		case json.Number:
			out[k] = v.String()
		case bool:
			out[k] = fmt.Sprint(v)
		case map[string]any:
			if k == "extra" {
				flatten(out, v)
			}
		}
	}
}
