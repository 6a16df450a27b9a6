package web

import (
	"archive/zip"
	"bytes"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/pipeline/audio"
	"github.com/speechqa/speechqa/pipeline/audio/audiotest"
	"github.com/speechqa/speechqa/storage/objects"
	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
)

// library is a console on real servers with one recording of ten seconds of a tone, in which a name is said.
type library struct {
	matrix
	recording string
}

func newLibrary(t *testing.T) *library {
	t.Helper()
	l := &library{matrix: matrix{t: t}}
	l.store, l.database = storagetest.Open(t)
	bucket := storagetest.Objects(t, storagetest.S3(t), "recordings")
	tone := make([]float32, 10*audio.SampleRate)
	for i := range tone {
		tone[i] = float32(.4 * math.Sin(2*math.Pi*440*float64(i)/audio.SampleRate))
	}
	wav, err := os.ReadFile(audiotest.WriteWAV(t, tone))
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	o, err := bucket.Put(ctx, "recordings", "tone.wav", bytes.NewReader(wav), int64(len(wav)), objects.PutOptions{ContentType: "audio/wav"})
	if err == nil {
		_, err = l.store.Discover(ctx, []pipeline.Found{{Object: o, Kind: detectors.KindCall, Metadata: detectors.Metadata{AgentID: "a1", Team: "north"}}})
	}
	if err != nil {
		t.Fatal(err)
	}
	l.recording = storagetest.Query(t, l.database, `SELECT id FROM recordings`)[0]
	said := detectors.Utterance{Speaker: "agent", Start: 2, End: 8, Text: "我叫陈国栋，明天还钱", Words: []detectors.Word{
		{Start: 0, End: 6, From: 2, To: 3.5}, {Start: 6, End: 15, From: 4, To: 5}, {Start: 18, End: 30, From: 6, To: 8}}}
	r, err := l.store.Begin(ctx, l.recording, pipeline.StepTranscribe, "w")
	if err == nil {
		err = l.store.CommitTranscript(ctx, l.recording, r.Attempt, pipeline.Transcribed{SHA256: "s", Audio: audio.Facts{Duration: 10}, TranscriptHash: "h",
			Peaks: []audio.Peaks{{PerSecond: 40, Max: make([]byte, 400)}}, Transcript: detectors.Transcript{Utterances: []detectors.Utterance{said}}})
	}
	if err == nil {
		r, err = l.store.Begin(ctx, l.recording, pipeline.StepInspect, "w")
	}
	if err == nil {
		err = l.store.CommitInspection(ctx, l.recording, r.Attempt, pipeline.Inspected{TranscriptHash: "h", Rescore: worthless,
			Result: detectors.Result{Score: 60, Findings: []detectors.Finding{{Key: "key", Rule: "threat", Severity: "major", Quote: "明天还钱", ByteStart: 18, ByteEnd: 30, Start: 4, End: 6}}}})
	}
	if err == nil {
		l.console, err = New(Config{Sealer: sealer(t, 'k'), Store: l.store, Sessions: l.store.Sessions(), Audio: bucket, Rules: sampleTitles, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	}
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(l.console)
	t.Cleanup(server.Close)
	l.address = server.URL
	return l
}

// post sends a form and returns what came: status, where to, and the body.
func (l *library) post(cookie *http.Cookie, path string, pairs ...string) (int, string, []byte) {
	l.t.Helper()
	f := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		f.Add(pairs[i], pairs[i+1])
	}
	req, err := http.NewRequestWithContext(l.t.Context(), http.MethodPost, l.address+path, strings.NewReader(f.Encode()))
	if err != nil {
		l.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.AddCookie(cookie)
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		l.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		l.t.Fatal(err)
	}
	return res.StatusCode, res.Header.Get("Location"), b
}

// loud is how loud the tone is in a stretch of a sound file.
func (l *library) loud(file []byte, from, to float64) float64 {
	l.t.Helper()
	rec, err := audio.OpenReader(l.t.Context(), bytes.NewReader(file), audio.Options{})
	if err != nil {
		l.t.Fatal(err)
	}
	defer rec.Close()
	x, err := rec.Read(0, from, to)
	if err != nil || len(x) == 0 {
		l.t.Fatalf("%g–%g s: %d samples (%v)", from, to, len(x), err)
	}
	var re, im float64
	for i, v := range x {
		a := 2 * math.Pi * 440 * float64(i) / audio.SampleRate
		re, im = re+float64(v)*math.Cos(a), im+float64(v)*math.Sin(a)
	}
	return 2 * math.Hypot(re, im) / float64(len(x))
}

// The trainer's way: cut at a finding, hear that the name is bleeped, let it through, bleep something else, export.
func TestTrainersWay(t *testing.T) {
	l := newLibrary(t)
	trainer := l.signIn(l.user(postgres.User{Name: "wang", Role: string(RoleTrainer)}))
	status, at, _ := l.post(trainer, "/recordings/"+l.recording+"/clips", "finding", "key")
	if status != http.StatusSeeOther || !strings.HasPrefix(at, "/clips/") {
		t.Fatalf("cut: %d %s", status, at)
	}
	id := strings.TrimPrefix(at, "/clips/") // of the finding with margins: 1 s to 9 s
	hear := func() []byte { return []byte(l.ask(http.MethodGet, at+"/audio", trainer).body) }
	if wav := hear(); l.loud(wav, 1, 2) < .3 || l.loud(wav, 3, 4) > .02 || l.loud(wav, 5, 7) < .3 {
		t.Errorf("the name (3–4 s) is not bleeped, or more is: %.2f %.2f %.2f", l.loud(wav, 1, 2), l.loud(wav, 3, 4), l.loud(wav, 5, 7))
	}
	page := parsePage(t, strings.NewReader(l.ask(http.MethodGet, at, trainer).body))
	name := one(t, page, "button.pii.on")
	if textOf(name) != "陈国栋" {
		t.Errorf("bleeped: %q", textOf(name))
	}
	for _, step := range [][]string{
		{"toggle", attr(name, "value"), "version", "0"},
		{"turn", "0", "start", "18", "end", "30", "version", "1"}, // 明天还钱, 6–8 s
	} {
		if status, _, b := l.post(trainer, at+"/bleeps", step...); status != http.StatusSeeOther {
			t.Fatalf("%v: %d %s", step, status, b)
		}
	}
	if status, _, _ := l.post(trainer, at+"/bleeps", "from", "2", "to", "3", "version", "1"); status != http.StatusConflict {
		t.Errorf("with an old version: %d", status)
	}
	if wav := hear(); l.loud(wav, 3, 4) < .3 || l.loud(wav, 5, 7) > .02 {
		t.Error("what was let through is bleeped, or what was added is not")
	}
	if status, _, _ := l.post(trainer, at, "title", "讲解", "from", "1.5", "to", "8.5", "example", "good", "rule", "threat", "tags", "新人", "note", "=1+1", "version", "2"); status != http.StatusSeeOther {
		t.Fatalf("save: %d", status)
	}
	for _, bad := range [][]string{
		{"title", "", "from", "1", "to", "2", "example", "good", "version", "3"}, {"title", "a", "from", "2", "to", "1", "example", "good", "version", "3"},
		{"title", "a", "from", "NaN", "to", "2", "example", "good", "version", "3"}, {"title", "a", "from", "1", "to", "2", "example", "?", "version", "3"},
	} {
		if status, _, _ := l.post(trainer, at, bad...); status != http.StatusBadRequest {
			t.Errorf("%v: %d", bad, status)
		}
	}
	_, list, _ := l.post(trainer, "/playlists", "title", "课")
	if status, _, _ := l.post(trainer, list+"/clips", "clip", id, "do", "add"); status != http.StatusSeeOther {
		t.Fatalf("add to playlist: %d", status)
	}

	_, _, mp3 := l.post(trainer, "/clips/export", "clip", id, "format", "mp3")
	if l.loud(mp3, 2.7, 3.3) < .2 || l.loud(mp3, 4.8, 6.2) > .02 {
		t.Error("the exported MP3 is not as heard before")
	}
	_, _, zipped := l.post(trainer, "/clips/export", "playlist", strings.TrimPrefix(list, "/playlists/"), "format", "wav", "sheet", "xlsx")
	z, err := zip.NewReader(bytes.NewReader(zipped), int64(len(zipped)))
	if err != nil || len(z.File) != 2 || z.File[0].Name != "001-讲解.wav" || z.File[1].Name != "clips.xlsx" {
		t.Fatalf("zip: %v %+v", err, z)
	}
	sheet, err := z.File[1].Open()
	if err != nil {
		t.Fatal(err)
	}
	book, err := excelize.OpenReader(sheet)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := book.GetRows("Sheet1")
	if err != nil || len(rows) != 2 || rows[1][2] != "讲解" || rows[1][8] != "'=1+1" || rows[1][9] != "催收员: 我叫陈国栋，＊＊＊＊" {
		t.Errorf("sheet: %q %v", rows, err)
	}
	if status, _, _ := l.post(trainer, "/clips/export", "format", "mp3"); status != http.StatusBadRequest {
		t.Errorf("export of nothing: %d", status)
	}
	record := storagetest.Query(t, l.database, `SELECT detail FROM audit_log WHERE action = 'clip.export' AND name = 'wang' AND subject = $1`, "clip:"+id)
	if len(record) != 2 || !strings.Contains(record[0], `""heard"":[""name""]`) || !strings.Contains(record[1], `""format"":""wav""`) {
		t.Errorf("on record: %q", record)
	}
}

// A clip whose recording was disposed of says so, and is left out of an export with a word in the sheet.
func TestClipOfWhatIsGone(t *testing.T) {
	l := newLibrary(t)
	trainer := l.signIn(l.user(postgres.User{Name: "wang", Role: string(RoleTrainer)}))
	_, at, _ := l.post(trainer, "/recordings/"+l.recording+"/clips", "from", "1", "to", "3")
	storagetest.Exec(t, l.database, `ALTER TABLE recordings DISABLE TRIGGER USER`, `UPDATE recordings SET key = 'gone.wav'`)
	if a := l.ask(http.MethodGet, at+"/audio", trainer); a.status != http.StatusGone {
		t.Errorf("audio: %d", a.status)
	}
	if a := l.ask(http.MethodGet, at, trainer); a.status != http.StatusOK {
		t.Errorf("page: %d", a.status)
	}
	_, _, zipped := l.post(trainer, "/clips/export", "clip", strings.TrimPrefix(at, "/clips/"), "format", "wav", "sheet", "csv")
	if all := unpacked(zipped); !strings.Contains(all, "录音已处置") {
		t.Errorf("sheet: %q", all)
	}
}
