package audio

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Format tags of WAVE files (RFC 2361).
const (
	tagPCM        = 0x0001
	tagFloat      = 0x0003
	tagALaw       = 0x0006
	tagMuLaw      = 0x0007
	tagExtensible = 0xFFFE
)

// maxChunks bounds the walk: real files have a handful, hostile ones millions of empty chunks.
const maxChunks = 1024

// wavFile is what the walk over the chunks found.
type wavFile struct {
	tag       uint16 // format tag, taken from the sub-format for EXTENSIBLE
	channels  int
	rate      int
	bytesPer  int   // container bytes per sample
	offset    int64 // of the sound data
	length    int64 // bytes of sound data that are there, whole frames only
	declared  int64 // bytes of sound data according to the header; 0 = the header does not tell
	truncated bool  // the header promises more than there is
}

// native says that the samples can be read without ffmpeg.
func (w *wavFile) native() bool {
	switch w.tag {
	case tagPCM:
		return w.bytesPer >= 1 && w.bytesPer <= 4
	case tagFloat:
		return w.bytesPer == 4
	case tagALaw, tagMuLaw:
		return w.bytesPer == 1
	}
	return false
}

// frame is the number of bytes of one sample of every channel.
func (w *wavFile) frame() int64 { return int64(w.channels * w.bytesPer) }

func (w *wavFile) info() Info {
	in := Info{Container: "wav", Codec: w.codec(), Rate: w.rate, Channels: w.channels}
	n := w.length
	if w.declared > 0 {
		n = w.declared
	}
	in.Duration = float64(n/w.frame()) / float64(w.rate)
	return in
}

// codec names the encoding as ffmpeg does.
func (w *wavFile) codec() string {
	switch w.tag {
	case tagALaw:
		return "pcm_alaw"
	case tagMuLaw:
		return "pcm_mulaw"
	case tagFloat:
		return fmt.Sprintf("pcm_f%dle", 8*w.bytesPer)
	}
	if w.bytesPer == 1 {
		return "pcm_u8"
	}
	return fmt.Sprintf("pcm_s%dle", 8*w.bytesPer)
}

// chunk is one part of a RIFF file.
type chunk struct {
	id   string
	size int64 // as written
	body int64 // offset of the content
}

// walkRIFF finds format and sound data of a WAVE file without trusting any size in it. It reads headers only.
func walkRIFF(r io.ReaderAt, size int64) (*wavFile, error) {
	var (
		w        = &wavFile{}
		haveFmt  bool
		data     *chunk
		ds64     int64 // data size of RF64 files
		position = int64(12)
	)
	for n := 0; position+8 <= size && (data == nil || !haveFmt); n++ {
		if n == maxChunks {
			return nil, &Error{Reason: "WAV 文件头异常:数据块过多,文件已损坏"}
		}
		c, err := readChunk(r, position)
		if err != nil {
			return nil, err
		}
		switch c.id {
		case "fmt ":
			if err := w.readFormat(r, c, size); err != nil {
				return nil, err
			}
			haveFmt = true
		case "ds64":
			var b [16]byte
			if c.size >= 16 && c.body+16 <= size {
				if _, err := r.ReadAt(b[:], c.body); err != nil {
					return nil, fmt.Errorf("read ds64 chunk: %w", err)
				}
				ds64 = int64(binary.LittleEndian.Uint64(b[8:]))
			}
		case "data":
			data = &c
		}
		next, err := nextChunk(r, c, size)
		if err != nil {
			return nil, err
		}
		if next > size && c.id != "data" {
			return nil, &Error{Reason: "WAV 文件头损坏或不完整:数据块超出了文件末尾", Err: fmt.Errorf("chunk %q of %d bytes at %d, file has %d", c.id, c.size, c.body-8, size)}
		}
		position = next
	}
	switch {
	case !haveFmt:
		return nil, &Error{Reason: "WAV 文件不完整:缺少格式说明,无法得知采样率和声道"}
	case data == nil:
		return nil, &Error{Reason: "录音文件只有文件头,没有声音数据"}
	}
	if err := checkFormat(w.channels, w.rate); err != nil {
		return nil, err
	}
	if !w.native() {
		return w, nil // ffmpeg knows more formats and measures for itself
	}
	return w, w.measure(r, *data, ds64, size)
}

// readChunk reads a chunk's header.
func readChunk(r io.ReaderAt, at int64) (chunk, error) {
	var b [8]byte
	if _, err := r.ReadAt(b[:], at); err != nil {
		return chunk{}, fmt.Errorf("read chunk header at %d: %w", at, err)
	}
	return chunk{id: string(b[:4]), size: int64(binary.LittleEndian.Uint32(b[4:])), body: at + 8}, nil
}

// nextChunk returns where the chunk after c begins. Content of odd length is padded by one byte, which some
// writers forget.
func nextChunk(r io.ReaderAt, c chunk, size int64) (int64, error) {
	next := c.body + c.size
	if c.size%2 == 0 {
		return next, nil
	}
	if next+8 <= size {
		var b [5]byte
		if _, err := r.ReadAt(b[:], next); err != nil {
			return 0, fmt.Errorf("read chunk padding at %d: %w", next, err)
		}
		if b[0] != 0 && isFourCC(b[:4]) && !commonChunks[string(b[1:5])] {
			return next, nil
		}
	}
	return min(next+1, max(next, size)), nil
}

// commonChunks are the chunks that recorders write.
var commonChunks = map[string]bool{"fmt ": true, "data": true, "LIST": true, "fact": true, "bext": true, "JUNK": true}

// isFourCC says that four bytes can be a chunk's name: printable ASCII.
func isFourCC(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

// readFormat reads the fmt chunk.
func (w *wavFile) readFormat(r io.ReaderAt, c chunk, size int64) error {
	if c.size < 16 || c.body+16 > size {
		return &Error{Reason: "WAV 文件头损坏:格式说明不完整"}
	}
	b := make([]byte, min(c.size, 40, size-c.body))
	if _, err := r.ReadAt(b, c.body); err != nil {
		return fmt.Errorf("read fmt chunk: %w", err)
	}
	w.tag = binary.LittleEndian.Uint16(b)
	w.channels = int(binary.LittleEndian.Uint16(b[2:]))
	w.rate = int(binary.LittleEndian.Uint32(b[4:]))
	align := int(binary.LittleEndian.Uint16(b[12:]))
	bits := int(binary.LittleEndian.Uint16(b[14:]))
	if w.tag == tagExtensible && len(b) >= 26 {
		w.tag = binary.LittleEndian.Uint16(b[24:]) // the sub-format GUID begins with the plain tag
	}
	w.bytesPer = (bits + 7) / 8
	// 20 valid bits may be kept in 3 or 4 bytes; the frame size tells which.
	if w.tag == tagPCM && w.channels > 0 && align%w.channels == 0 && align/w.channels > w.bytesPer && align/w.channels <= 4 {
		w.bytesPer = align / w.channels
	}
	return nil
}

// measure settles how much sound data there is. Dialers write 0 or 0xFFFFFFFF (or a number near it, or near
// 2³¹) as the size and correct it at the end of the call; when the call is cut they never do.
func (w *wavFile) measure(r io.ReaderAt, c chunk, ds64, size int64) error {
	w.offset = c.body
	there := size - c.body
	declared := c.size
	if declared == 0xFFFFFFFF && ds64 > 0 {
		declared = ds64
	}
	open := declared == 0 || declared >= 0xFFFF0000 && ds64 == 0 || declared >= 0x7FFF0000 && declared <= 0x7FFFFFFF && declared > there
	switch {
	case declared == 0 && endsInChunks(r, c.body, size):
		there = 0
	case open:
	case declared > there:
		w.declared, w.truncated = declared, true
	default:
		w.declared, there = declared, declared
	}
	w.length = there - there%w.frame()
	if w.length <= 0 {
		return &Error{Reason: "录音文件只有文件头,没有声音数据"}
	}
	return nil
}

// endsInChunks says that nothing but whole chunks lies between from and the end of the file: then an empty data
// chunk is really empty.
func endsInChunks(r io.ReaderAt, from, size int64) bool {
	if from == size {
		return true
	}
	for n := 0; from+8 <= size && n < maxChunks; n++ {
		c, err := readChunk(r, from)
		if err != nil || !isFourCC([]byte(c.id)) {
			return false
		}
		if from, err = nextChunk(r, c, size); err != nil {
			return false
		}
	}
	return from == size
}
