package audio

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"unicode/utf8"
)

// headSize is how much of a file is looked at to recognise it.
const headSize = 4096

// readHead returns the first bytes of a file.
func readHead(f *os.File) ([]byte, error) {
	b := make([]byte, headSize)
	n, err := f.ReadAt(b, 0)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("read start of file: %w", err)
	}
	return b[:n], nil
}

// isWAV recognises RIFF, RF64 and BW64 with wave content.
func isWAV(head []byte) bool {
	if len(head) < 12 {
		return false
	}
	switch string(head[:4]) {
	case "RIFF", "RF64", "BW64":
		return string(head[8:12]) == "WAVE"
	}
	return false
}

// foreign are things that arrive in place of recordings, by their first bytes.
var foreign = []struct{ magic, what string }{
	{"PK\x03\x04", "压缩包(zip 或 Office 文档)"},
	{"PK\x05\x06", "压缩包(zip)"},
	{"Rar!", "压缩包(rar)"},
	{"7z\xbc\xaf\x27\x1c", "压缩包(7z)"},
	{"\x1f\x8b", "压缩包(gzip)"},
	{"%PDF", "PDF 文档"},
	{"\xd0\xcf\x11\xe0", "旧版 Office 文档"},
	{"\x89PNG", "图片"},
	{"\xff\xd8\xff", "图片"},
	{"GIF8", "图片"},
	{"\x7fELF", "程序文件"},
	{"SQLite format", "数据库文件"},
}

// notAudio is the reason why a file is no recording.
func notAudio(head []byte) error {
	for _, f := range foreign {
		if bytes.HasPrefix(head, []byte(f.magic)) {
			return &Error{Reason: "文件内容是" + f.what + ",不是录音"}
		}
	}
	switch {
	case isText(head):
		return &Error{Reason: "文件内容是文本,不是录音"}
	case len(bytes.Trim(head, "\x00")) == 0:
		return &Error{Reason: "文件开头全是零字节,不是有效的录音文件"}
	case bytes.HasPrefix(head, []byte("RIFF")) && len(head) < 12:
		return &Error{Reason: "录音文件只剩开头几个字节,内容不完整"}
	}
	return &Error{Reason: "无法识别的文件格式,不是支持的录音"}
}

// isText says that the bytes are readable text.
func isText(head []byte) bool {
	if len(head) == 0 {
		return false
	}
	for i := 0; i < len(head); {
		r, n := utf8.DecodeRune(head[i:])
		if r == utf8.RuneError && n == 1 && len(head)-i >= utf8.UTFMax {
			return false
		}
		if r < ' ' && r != '\n' && r != '\r' && r != '\t' {
			return false
		}
		i += n
	}
	return true
}
