package evidence_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/evidence"
	"github.com/speechqa/speechqa/lexicon"
	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/pipeline/audio"
	"github.com/speechqa/speechqa/rulework"
	"github.com/speechqa/speechqa/storage/objects"
	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
)

func TestMain(m *testing.M) { storagetest.Main(m) }

// office is a system with one inspected recording in which something was found and judged.
type office struct {
	*testing.T
	db       *postgres.Store
	url      string
	exporter *evidence.Exporter
	id       string
	public   string
}

const sound = "RIFF sound"

func newOffice(t *testing.T) *office {
	t.Helper()
	db, url := storagetest.Open(t)
	bucket := storagetest.Objects(t, storagetest.S3(t), "recordings")
	o := &office{T: t, db: db, url: url}
	obj, err := bucket.Put(t.Context(), "recordings", "录音/a.wav", strings.NewReader(sound), int64(len(sound)), objects.PutOptions{})
	o.ok(err)
	files, err := lexicon.ReadFiles(lexicon.DefaultFiles())
	o.ok(err)
	signal := string(files["rules/displeasure.yaml"])
	files["rules/displeasure.yaml"] = []byte(strings.Replace(signal, "status: live", "status: shadow", 1))
	rs, err := lexicon.LoadFiles(files)
	o.ok(err)
	_, err = db.RecordProgramRuleset(t.Context(), rulework.NewVersion{Files: files, Why: "test"})
	o.ok(err)
	engine, err := detectors.New(rs)
	o.ok(err)
	_, err = db.Discover(t.Context(), []pipeline.Found{{Object: obj, Kind: detectors.KindCall, Metadata: detectors.Metadata{
		AgentID: "a1", AgentName: "李<明>", CaseID: "c1", Callee: "third_party", StartedAt: time.Date(2026, 3, 1, 9, 0, 0, 0, time.FixedZone("", 8*3600))}}})
	o.ok(err)
	o.id = storagetest.Query(t, url, `SELECT id FROM recordings`)[0]
	rec, err := db.Begin(t.Context(), o.id, pipeline.StepTranscribe, "w")
	o.ok(err)
	said := []detectors.Utterance{
		{Speaker: detectors.SpeakerAgent, Start: 0.1, End: 3.7, Text: "今天不还钱,我就让你全家都不得安宁", Confidence: 0.91},
		{Speaker: detectors.SpeakerCustomer, Start: 4, End: 6.25, Text: "你别这样,烦不烦啊", Confidence: 0.8}, // a rule on shadow finds that
	}
	hash, err := pipeline.HashUtterances(said)
	o.ok(err)
	sum := sha256.Sum256([]byte(sound))
	o.ok(db.CommitTranscript(t.Context(), o.id, rec.Attempt, pipeline.Transcribed{SHA256: hex.EncodeToString(sum[:]), Audio: audio.Facts{Duration: 7.5, Codec: "pcm"}, TranscriptHash: hash,
		Transcript: detectors.Transcript{Utterances: said, ModelName: "demo", ModelHash: "m1", Params: map[string]string{"beam": "5"}}}))
	rec, err = db.Begin(t.Context(), o.id, pipeline.StepInspect, "w")
	o.ok(err)
	result := engine.Inspect(&detectors.Conversation{ID: o.id, Kind: rec.Kind, Metadata: rec.Metadata, Facts: detectors.Facts{Duration: 7.5}, Utterances: said})
	if !slices.ContainsFunc(result.Findings, func(f detectors.Finding) bool { return f.Shadow }) || len(result.Findings) < 3 {
		t.Fatalf("%d findings, or none on shadow", len(result.Findings))
	}
	o.ok(db.CommitInspection(t.Context(), o.id, rec.Attempt, pipeline.Inspected{TranscriptHash: hash, Result: result, Rescore: engine.Rescore}))
	secret, public, err := evidence.NewKey("")
	o.ok(err)
	key, err := evidence.ParseKey(secret, "")
	o.ok(err)
	o.public = public
	o.exporter = &evidence.Exporter{Store: db, Source: bucket, Key: key}
	o.ok(db.Audit(t.Context(), postgres.AuditEntry{Name: "li", Action: "recording.view", Subject: "recording:" + o.id}))
	return o
}

// sample is a pack that several tests take apart, with the key that signed it.
var sample struct {
	sync.Once
	pack       []byte
	public, id string
	key        *evidence.Key
}

func samplePack(t *testing.T) (pack []byte, public string) {
	t.Helper()
	sample.Do(func() {
		o := newOffice(t)
		sample.pack, sample.public, sample.id, sample.key = o.export(), o.public, o.id, o.exporter.Key
	})
	if sample.pack == nil {
		t.Fatal("there is no pack: see the test that failed before")
	}
	return sample.pack, sample.public
}

func (o *office) ok(err error) {
	o.Helper()
	if err != nil {
		o.Fatal(err)
	}
}

func (o *office) export() []byte {
	o.Helper()
	var b bytes.Buffer
	_, err := o.exporter.Export(o.Context(), &b, "li", o.id, o.id)
	o.ok(err)
	return b.Bytes()
}

// prove is everything `speechqa verify pack` does without audio.
func prove(pack []byte, public string) (*evidence.Opened, error) {
	key, err := evidence.ParsePublic(public)
	if err != nil {
		return nil, err
	}
	p, err := evidence.Open(bytes.NewReader(pack), int64(len(pack)), &key)
	if err != nil {
		return nil, err
	}
	return p, p.Inspect()
}

func TestPack(t *testing.T) {
	o := newOffice(t)
	pack := o.export()
	p, err := prove(pack, o.public)
	o.ok(err)
	if len(p.Manifest.Recordings) != 1 || p.Findings < 2 || !p.Known || !strings.Contains(p.Comment, "1 recordings") {
		t.Errorf("%+v", p.Proof)
	}
	e := p.Manifest.Recordings[0]
	var heard bytes.Buffer
	o.ok(p.Audio(&heard, e))
	if heard.String() != sound || e.ModelHash != "m1" || e.AudioSHA256 != e.TakenInSHA256 || e.Params["beam"] != "5" {
		t.Errorf("%q %+v", heard.String(), e)
	}
	members := unzip(t, pack)
	report := string(members["report.html"])
	for _, want := range []string{"让你全家都不得安宁", "李&lt;明&gt;", e.AudioSHA256, e.RulesetHash} {
		if !strings.Contains(report, want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	for name, b := range members { // but for the rules themselves, which the pack is to be proved by
		if strings.Contains(string(b), "displeasure") && name != "manifest.json" && !strings.HasPrefix(name, "rulesets/") {
			t.Errorf("%s says what a rule on shadow found", name)
		}
	}
	if got := string(members["recordings/"+o.id+"/audit.jsonl"]); !strings.Contains(got, "recording.view") {
		t.Errorf("audit extract %q", got)
	}
	t.Run("minisign", func(t *testing.T) { checkBySomebodyElse(t, members, o.public) })
}

// checkBySomebodyElse verifies the signature with minisign itself.
func checkBySomebodyElse(t *testing.T, members map[string][]byte, public string) {
	signature := strings.Split(strings.TrimSpace(string(members["manifest.json.minisig"])), "\n")
	if len(signature) != 4 || !strings.HasPrefix(signature[0], "untrusted comment: ") || !strings.HasPrefix(signature[2], "trusted comment: ") {
		t.Fatalf("this is no signature of minisign: %q", signature)
	}
	path, err := exec.LookPath("minisign")
	if err != nil {
		t.Fatalf("minisign is missing (Debian, Ubuntu: apt-get install minisign): %v", err)
	}
	dir := t.TempDir()
	for _, name := range []string{"manifest.json", "manifest.json.minisig", "signer.pub"} {
		if err := os.WriteFile(filepath.Join(dir, name), members[name], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command(path, "-Vm", filepath.Join(dir, "manifest.json"), "-p", filepath.Join(dir, "signer.pub")).CombinedOutput(); err != nil {
		t.Errorf("minisign: %v %s", err, out)
	}
}

func unzip(t *testing.T, pack []byte) map[string][]byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(pack), int64(len(pack)))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if out[f.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
		r.Close()
	}
	return out
}

func rezip(t *testing.T, members map[string][]byte, more ...*zip.FileHeader) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range members {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err == nil {
			_, err = w.Write(content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, h := range more {
		w, err := z.CreateHeader(h)
		if err == nil {
			_, err = w.Write([]byte("x"))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// One byte of any member turned over, one member missing or too many: each is found.
func TestTamperedPack(t *testing.T) {
	pack, public := samplePack(t)
	members := unzip(t, pack)
	if _, err := prove(rezip(t, members), public); err != nil {
		t.Fatalf("packed anew: %v", err)
	}
	for name, content := range members {
		places := []int{0, len(content) / 2, len(content) - 1}
		if strings.HasPrefix(name, "rulesets/") {
			places = places[1:2] // there are many of these
		}
		for _, at := range places {
			spoilt := bytes.Clone(content)
			spoilt[at] ^= 1
			if name == "manifest.json.minisig" && at == 0 {
				continue // the first line is a comment that nobody trusts
			}
			members[name] = spoilt
			if _, err := prove(rezip(t, members), public); err == nil {
				t.Errorf("byte %d of %s is turned over and nobody sees it", at, name)
			}
		}
		delete(members, name)
		if _, err := prove(rezip(t, members), public); !errors.Is(err, evidence.ErrTampered) {
			t.Errorf("without %s: %v", name, err)
		}
		members[name] = content
	}
	for _, at := range []int{40, len(pack) / 3, len(pack) - 1} { // of the file itself
		if _, err := prove(pack[:at], public); !errors.Is(err, evidence.ErrTampered) {
			t.Errorf("cut at %d: %v", at, err)
		}
	}
	for at := len(pack) / 4; at < len(pack)/2; at += len(pack) / 80 { // of what is compressed
		spoilt := bytes.Clone(pack)
		spoilt[at] ^= 1
		if _, err := prove(spoilt, public); err != nil && !errors.Is(err, evidence.ErrTampered) {
			t.Errorf("byte %d of the file turned over: %v", at, err)
		}
	}
	members["more.txt"] = []byte("x")
	if _, err := prove(rezip(t, members), public); !errors.Is(err, evidence.ErrTampered) {
		t.Errorf("with one member more: %v", err)
	}
	_, other, err := evidence.NewKey("")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := prove(pack, other); !errors.Is(err, evidence.ErrTampered) || !strings.Contains(err.Error(), "not signed with the key given") {
		t.Errorf("with somebody else's key: %v", err)
	}
}

// Names that would leave the folder a pack is unpacked to, or hide another, are refused before anything is read.
func TestZipSlip(t *testing.T) {
	pack, public := samplePack(t)
	members := unzip(t, pack)
	link := &zip.FileHeader{Name: "link"}
	link.SetMode(os.ModeSymlink | 0o777)
	folder := &zip.FileHeader{Name: "folder/"}
	for name, h := range map[string]*zip.FileHeader{
		"up": {Name: "../evil"}, "inside": {Name: "recordings/../../evil"}, "absolute": {Name: "/etc/passwd"}, "windows": {Name: `..\evil`},
		"drive": {Name: "c:evil"}, "twice": {Name: "manifest.json"}, "by case": {Name: "MANIFEST.json"}, "link": link, "folder": folder, "dot": {Name: "./x"}, "empty": {Name: ""},
	} {
		t.Run(name, func(t *testing.T) {
			if h == folder {
				return
			}
			_, err := prove(rezip(t, members, h), public)
			if !errors.Is(err, evidence.ErrTampered) {
				t.Errorf("%q: %v", h.Name, err)
			}
		})
	}
}

// A pack that is signed by the right key but whose result is not what its rules find proves nothing.
func TestForgedResultIsFound(t *testing.T) {
	pack, public := samplePack(t)
	members := unzip(t, pack)
	name := "recordings/" + sample.id + "/result.json"
	forged := bytes.Replace(members[name], []byte(`"score": `), []byte(`"score": 1`), 1)
	old, now := sha256.Sum256(members[name]), sha256.Sum256(forged)
	manifest := bytes.Replace(members["manifest.json"], []byte(hex.EncodeToString(old[:])), []byte(hex.EncodeToString(now[:])), 1)
	manifest = bytes.Replace(manifest, fmt.Appendf(nil, `"size": %d,`, len(members[name])), fmt.Appendf(nil, `"size": %d,`, len(forged)), 1)
	members[name], members["manifest.json"] = forged, manifest
	members["manifest.json.minisig"] = sample.key.Sign(manifest, "forged")
	if _, err := prove(rezip(t, members), public); !errors.Is(err, evidence.ErrTampered) || !strings.Contains(err.Error(), "find something else") {
		t.Errorf("got %v", err)
	}
}

func TestExportRefuses(t *testing.T) {
	o := newOffice(t)
	try := func(x *evidence.Exporter, id string) error {
		n := new(bytes.Buffer)
		_, err := x.Export(context.WithoutCancel(t.Context()), n, "li", id)
		if err != nil && n.Len() > 0 {
			t.Errorf("%d bytes were written before %v", n.Len(), err)
		}
		return err
	}
	if err := try(&evidence.Exporter{Store: o.db}, o.id); !errors.Is(err, evidence.ErrNoKey) {
		t.Errorf("without a key: %v", err)
	}
	if err := try(o.exporter, "00000000-0000-0000-0000-000000000000"); !errors.Is(err, postgres.ErrNotFound) {
		t.Errorf("an unknown recording: %v", err)
	}
	storagetest.Exec(t, o.url, `UPDATE findings SET finding = finding || '{"quote": "别的"}' WHERE ctid = (SELECT ctid FROM findings WHERE verdict = 'open' LIMIT 1)`)
	if err := try(o.exporter, o.id); !errors.Is(err, evidence.ErrStale) {
		t.Errorf("findings that no rule finds: %v", err)
	}
	storagetest.Exec(t, o.url, `UPDATE recordings SET ruleset_hash = 'gone'`)
	if err := try(o.exporter, o.id); !errors.Is(err, evidence.ErrNoRules) {
		t.Errorf("rules that nobody has: %v", err)
	}
	storagetest.Exec(t, o.url, `UPDATE recordings SET state = 'transcribed'`)
	if err := try(o.exporter, o.id); !errors.Is(err, evidence.ErrNotInspected) {
		t.Errorf("not inspected: %v", err)
	}
}

// encryptedKey has the password "pass word". Opening it takes seconds and a gigabyte, on purpose: no test does.
const encryptedKey = `untrusted comment: minisign encrypted secret key
RWRTY0IyulOJDgxqN+3uzn8xJyWyL5wUoc++3jlD4LULQ/67qPUAAAACAAAAAAAAAEAAAAAAk+unjU7w406T3hVB3iFCDZuxHOPI8f78d19N654Wgmrc3lMMmIH4unr/zDXcB7n8CERv7Ngo6qlhSfqF3K4rDE/hL2/JJoXeDwnWDSL8CqLPlp9ol7PB4XEX06Vd2S4eB+k8m82Kzm4=
`

func TestKeys(t *testing.T) {
	if _, err := evidence.ParseKey(encryptedKey, ""); err == nil || !strings.Contains(err.Error(), "SPEECHQA_SIGNING_KEY_PASSWORD") {
		t.Errorf("an encrypted key without its password: %v", err)
	}
	if _, err := evidence.ParseKey("no key", ""); err == nil {
		t.Error("no key was read as one")
	}
	secret, public, err := evidence.NewKey("")
	if err != nil {
		t.Fatal(err)
	}
	key, err := evidence.ParseKey(secret, "")
	if err != nil {
		t.Fatal(err)
	}
	known, err := evidence.ParsePublic(public)
	if err != nil {
		t.Fatal(err)
	}
	if c, ok := evidence.Verify(known, []byte("record"), key.Sign([]byte("record"), "comment")); !ok || c != "comment" {
		t.Errorf("%q %v", c, ok)
	}
}
