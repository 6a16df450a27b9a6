package audio

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"
)

// headSize is how much of a file is looked at to recognise it.
const headSize = 4096

// readHead returns the first bytes of a file.
func readHead(f *os.File) ([]byte, error) {
	b := make([]byte, headSize)
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
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

// sounds are the first bytes of the formats that ffmpeg is asked to decode.
var sounds = []string{"ID3", "#!AMR", "OggS", "fLaC", "\x30\x26\xb2\x75\x8e\x66\xcf\x11", "\x1a\x45\xdf\xa3", "caff",
	".snd", "wvpk", "FLV", "riff\x2e\x91\xcf\x11"}

// isAudio recognises other sound and video files.
func isAudio(head []byte) bool {
	for _, s := range sounds {
		if bytes.HasPrefix(head, []byte(s)) {
			return true
		}
	}
	switch {
	case isWAV(head):
		return true
	case len(head) >= 12 && (string(head[4:8]) == "ftyp" || string(head[4:8]) == "moov" || string(head[4:8]) == "mdat"):
		return true
	case len(head) >= 12 && (string(head[:4]) == "FORM" || string(head[:4]) == "RIFX" || string(head[8:12]) == "AVI "):
		return true
	case len(head) > 188 && head[0] == 0x47 && head[188] == 0x47: // MPEG transport stream
		return true
	}
	return isMPEGFrame(head)
}

// isMPEGFrame recognises a bare MP3 or AAC (ADTS) stream by its first frame header: 11 sync bits, then no
// reserved value of layer, bit rate or sampling rate.
func isMPEGFrame(head []byte) bool {
	if len(head) < 4 || head[0] != 0xFF || head[1]&0xE0 != 0xE0 {
		return false
	}
	if head[1]&0xF6 == 0xF0 { // ADTS
		return head[2]>>2&0xF <= 12
	}
	return head[1]>>3&3 != 1 && head[1]>>1&3 != 0 && head[2]>>4 != 0xF && head[2]>>2&3 != 3
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
	{"MZ", "程序文件"},
	{"SQLite format", "数据库文件"},
}

// notAudio is the reason why a file that nothing recognises is no recording; nil where ffmpeg should have a look.
func notAudio(head []byte) error {
	for _, f := range foreign {
		if bytes.HasPrefix(head, []byte(f.magic)) {
			return &Error{Reason: "文件内容是" + f.what + ",不是录音"}
		}
	}
	switch {
	case len(head) < 12 && strings.HasPrefix("RIFF", string(head[:min(4, len(head))])):
		return &Error{Reason: "录音文件只剩开头几个字节,内容不完整"}
	case bytes.HasPrefix(head, []byte("RIFF")):
		return &Error{Reason: "文件是 RIFF 格式,但内容不是声音"}
	case isText(head):
		return &Error{Reason: "文件内容是文本,不是录音"}
	case len(bytes.Trim(head, "\x00")) == 0:
		return &Error{Reason: "文件开头全是零字节,不是有效的录音文件"}
	}
	return nil
}

// isText says that the bytes are readable text.
func isText(head []byte) bool {
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
