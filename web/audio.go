package web

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// audioLifetime is how long an audio address works. The page fetches a new one when playing goes on longer.
const audioLifetime = 10 * time.Minute

// audioURL makes an address under which this session, and no other, hears this recording, and no other, for a
// short time. The bytes come through this server; the bucket stays closed. A program's address asks for its key instead.
func (c *Console) audioURL(r *http.Request, id string) (string, error) {
	if isAPI(r) {
		return apiPath + "recordings/" + id + "/audio", nil
	}
	until := time.Now().Add(audioLifetime).Unix()
	sig, err := c.audioSignature(r, id, until)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("/recordings/%s/audio?until=%d&sig=%s", id, until, sig), nil
}

// audioSignature is a MAC over recording and expiry with a key that only this session's server side knows.
func (c *Console) audioSignature(r *http.Request, id string, until int64) (string, error) {
	key := c.sessions.GetBytes(r.Context(), sessAudio)
	if len(key) == 0 {
		return "", errNoAddress
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "audio\n%s\n%d", id, until)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)), nil
}

// audioAddress gives the page a fresh audio address.
func (c *Console) audioAddress(w http.ResponseWriter, r *http.Request) error {
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		return errNotFound
	}
	u, err := c.audioURL(r, id.String())
	if err != nil {
		return err
	}
	return writeJSON(w, map[string]string{"url": u})
}

// serveAudio streams the recording's object, any range of it, to whoever holds a valid address.
func (c *Console) serveAudio(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	until, err := strconv.ParseInt(q.Get("until"), 10, 64)
	if err != nil || time.Now().Unix() > until {
		return errNoAddress
	}
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		return errNotFound
	}
	want, err := c.audioSignature(r, id.String(), until)
	if err != nil {
		return err
	}
	if !hmac.Equal([]byte(want), []byte(q.Get("sig"))) {
		return errNoAddress
	}
	return c.sendAudio(w, r, id.String())
}

// sendAudio streams the object of a recording, any range of it.
func (c *Console) sendAudio(w http.ResponseWriter, r *http.Request, id string) error {
	rec, err := c.store.Recording(r.Context(), id)
	if err != nil {
		return fmt.Errorf("audio of %s: %w", id, err)
	}
	o := rec.Object
	f, err := c.audio.OpenSeeker(r.Context(), o)
	if err != nil {
		return fmt.Errorf("audio of %s: %w", id, err)
	}
	defer f.Close()
	w.Header().Set("Content-Type", mediaType(o.Key))
	w.Header().Set("Content-Disposition", "inline")
	w.Header().Set("Cache-Control", "private, no-store")
	if rec.SHA256 != "" {
		w.Header().Set("ETag", `"`+rec.SHA256+`"`)
	}
	http.ServeContent(w, r, "", o.LastModified, f)
	return nil
}

// mediaTypes are what browsers can be told; the object's own type is whatever its writer believed.
var mediaTypes = map[string]string{
	".wav": "audio/wav", ".mp3": "audio/mpeg", ".m4a": "audio/mp4", ".mp4": "audio/mp4", ".aac": "audio/aac",
	".ogg": "audio/ogg", ".opus": "audio/ogg", ".flac": "audio/flac", ".webm": "audio/webm", ".amr": "audio/amr",
}

func mediaType(key string) string {
	if t, ok := mediaTypes[strings.ToLower(path.Ext(key))]; ok {
		return t
	}
	return "application/octet-stream"
}

func writeJSON(w http.ResponseWriter, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	_, err = w.Write(b)
	return err
}

// waveformData is what a waveform is drawn from. Times are in seconds.
type waveformData struct {
	Duration float64           `json:"duration"`
	Channels []waveformChannel `json:"channels"`
	Silence  []stretch         `json:"silence"`
	Overlap  []stretch         `json:"overlap"`
}

// waveformChannel is the peaks of one channel, 0..255.
type waveformChannel struct {
	PerSecond int   `json:"per_second"`
	Max       []int `json:"max"` // not bytes: encoding/json would write base64
}

// waveform gives the page what it draws.
func (c *Console) waveform(w http.ResponseWriter, r *http.Request) error {
	review, err := c.review(r)
	if err != nil {
		return err
	}
	out := waveformData{review.Recording.Duration, []waveformChannel{}, silences(review.Peaks), overlaps(review.Peaks, review.Transcript.Utterances)}
	for _, p := range review.Peaks {
		ch := waveformChannel{PerSecond: p.PerSecond, Max: make([]int, len(p.Max))}
		for i, m := range p.Max {
			ch.Max[i] = int(m)
		}
		out.Channels = append(out.Channels, ch)
	}
	return writeJSON(w, out)
}
