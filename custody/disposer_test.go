package custody_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/speechqa/speechqa/custody"
	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/pipeline/audio"
	"github.com/speechqa/speechqa/storage/objects"
	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
)

// allDay is a window that never shuts.
var allDay = custody.Window{To: 24 * time.Hour, Zone: time.UTC}

// seal stands for the signing key; evidence has the real one, and its own tests.
type seal struct{}

func (seal) Sign(message []byte, comment string) []byte {
	return fmt.Appendf(nil, "%d bytes, %s", len(message), comment)
}

// archive is a house with a second store and two people, and recordings that are past their date.
type archive struct {
	*house
	cfg           objects.Config
	lead, manager custody.Person
}

func newArchive(t *testing.T, cfg objects.Config) *archive {
	t.Helper()
	a := &archive{house: newHouse(t, cfg), cfg: cfg}
	a.ok(a.objects.EnsureLockedBucket(t.Context(), "second"))
	for p, name := range map[*custody.Person]string{&a.lead: "lead", &a.manager: "manager"} {
		id, err := a.db.CreateUser(t.Context(), postgres.User{Name: name, DisplayName: name, PasswordHash: "x", Role: name})
		a.ok(err)
		*p = custody.Person{Actor: custody.Actor{ID: id, Name: name}, Role: name}
	}
	return a
}

// old takes recordings of six years ago through every step, with metadata beside them and a lock of the store that has
// passed, and has them copied.
func (a *archive) old(keys ...string) (ids []string, objects []pipeline.Object) {
	a.Helper()
	ctx := a.Context()
	for _, key := range keys {
		id, o := a.take(a.bucket, key+".wav", "sound of "+key, 6)
		a.put(a.bucket, key+".json", `{"phone":"1"}`)
		r, err := a.db.Begin(ctx, id, pipeline.StepTranscribe, "w")
		a.ok(err)
		sum, err := custody.HashOf(ctx, a.objects, o)
		a.ok(err)
		a.ok(a.db.CommitTranscript(ctx, id, r.Attempt, pipeline.Transcribed{SHA256: sum, Audio: audio.Facts{Duration: 1}, TranscriptHash: "t" + key,
			Transcript: detectors.Transcript{Utterances: []detectors.Utterance{{Speaker: detectors.SpeakerAgent, End: 1, Text: "你好"}}}}))
		r, err = a.db.Begin(ctx, id, pipeline.StepInspect, "w")
		a.ok(err)
		a.ok(a.db.CommitInspection(ctx, id, r.Attempt, pipeline.Inspected{TranscriptHash: "t" + key, Result: detectors.Result{Score: 100, RulesetHash: "r", EngineVersion: "1"}}))
		ids, objects = append(ids, id), append(objects, o)
	}
	work, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan struct{})
	copier := custody.Copier{Store: a.db, From: a.objects, Second: a.objects, Name: "here", Bucket: "second", Log: a.logger()}
	go func() { defer close(done); copier.Run(work) }()
	for deadline := time.Now().Add(time.Minute); a.query(`SELECT count(*) FROM copies WHERE due_at IS NOT NULL`)[0] != "0"; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			a.Fatalf("no copies: %s", a.log)
		}
	}
	stop()
	<-done
	var lock time.Time
	for i, o := range objects {
		lock = time.Now().Add(2 * time.Second)
		a.ok(a.objects.Retain(ctx, o, lock, custody.Governance))
		a.exec(fmt.Sprintf(`UPDATE custody SET due_at = NULL, lock_mode = 'GOVERNANCE', locked_until = '%s' WHERE recording = '%s'`, lock.Format(time.RFC3339Nano), ids[i]))
	}
	if k := a.kept(objects[len(objects)-1]); k.Mode != custody.Governance || k.Until.IsZero() {
		a.Fatalf("the store keeps no lock: %+v", k)
	}
	time.Sleep(time.Until(lock.Add(time.Second))) // the store counts whole seconds
	return ids, objects
}

func (a *archive) put(bucket, key, content string) {
	a.Helper()
	_, err := a.objects.Put(a.Context(), bucket, key, strings.NewReader(content), int64(len(content)), objects.PutOptions{})
	a.ok(err)
}

func (a *archive) approve() string {
	a.Helper()
	id, err := a.db.ProposeDisposal(a.Context(), a.lead, postgres.Scope{}, custody.Proposal{Why: "期满", HoldsUntil: time.Now().Add(time.Hour)})
	a.ok(err)
	a.ok(a.db.ApproveDisposal(a.Context(), a.manager, postgres.Scope{}, id, ""))
	return id
}

func disposerOf(db *postgres.Store, o *objects.Store, log *slog.Logger) *custody.Disposer {
	return &custody.Disposer{Store: db, Objects: o, Copies: &custody.Copies{Store: db, Second: o}, Second: o, Key: seal{}, Window: allDay, Log: log}
}

func (a *archive) disposer() *custody.Disposer { return disposerOf(a.db, a.objects, a.logger()) }

// gone says whether a version is gone from the store.
func (a *archive) gone(o pipeline.Object) bool {
	a.Helper()
	_, err := a.objects.Kept(a.Context(), o)
	if err != nil && !errors.Is(err, pipeline.ErrGone) {
		a.Fatal(err)
	}
	return err != nil
}

func (a *archive) one(sql string, args ...any) string {
	a.Helper()
	rows := a.query(sql, args...)
	if len(rows) != 1 {
		a.Fatalf("%s: %d rows", sql, len(rows))
	}
	return rows[0]
}

// sound wants of every recording that what is gone has its tombstone and its approval by a second person, and that the
// copy goes after the object and the words after both.
func (a *archive) sound(when string, ids []string, os []pipeline.Object, copies []pipeline.Object) {
	a.Helper()
	for i, id := range ids {
		object, second := a.gone(os[i]), a.gone(copies[i])
		words := a.one(`SELECT count(*) FROM transcripts WHERE recording = $1`, id) == "0"
		covered := a.one(`SELECT count(*) FROM tombstones t JOIN disposals d ON d.id = t.disposal WHERE t.recording = $1 AND t.voided_at IS NULL
			AND d.decided_by <> d.proposed_by AND d.decided_at <= t.at AND t.copy_verified_at <= t.at`, id) == "1"
		if object && !covered || second && !object || words && !second {
			a.Errorf("%s: recording %d: object gone %v, tombstone %v, copy gone %v, words gone %v", when, i, object, covered, second, words)
		}
	}
}

func (a *archive) copiesOf(ids []string) (out []pipeline.Object) {
	a.Helper()
	for _, id := range ids {
		c, err := a.db.CopyOf(a.Context(), id)
		a.ok(err)
		out = append(out, c.Object)
	}
	return out
}

// A process is killed at every moment of a disposal, and another goes on: never is an object gone without its tombstone
// and approval, and in the end everything is destroyed and on record.
func TestDisposalSurvivesKill(t *testing.T) {
	t.Parallel()
	a := newArchive(t, minioConfig(t))
	var keys []string
	for i := range custody.Moments {
		keys = append(keys, fmt.Sprintf("a%d", i), fmt.Sprintf("b%d", i))
	}
	ids, os := a.old(keys...)
	copies := a.copiesOf(ids)
	disposal := a.approve()
	var died []custody.Moment
	for i, m := range custody.Moments[:len(custody.Moments)-1] {
		// Every process is killed at its moment of one recording, whichever comes first.
		if a.process(m, disposal) {
			died = append(died, m)
		}
		a.sound(fmt.Sprintf("killed at %q", m), ids, os, copies)
		if left := a.one(`SELECT count(*) FROM disposal_items WHERE state <> 'done'`); left == "0" {
			t.Fatalf("nothing was left for the kills after the %dth", i)
		}
	}
	if a.process(custody.MomentEnded, disposal) {
		died = append(died, custody.MomentEnded)
	}
	if !slices.Equal(died, custody.Moments) {
		t.Errorf("killed at %q", died)
	}
	a.sound("in the end", ids, os, copies)
	if a.process("", disposal) { // nothing is left, and nothing is done twice
		t.Error("killed at no moment")
	}
	for i, id := range ids {
		if !a.gone(os[i]) || !a.gone(copies[i]) {
			t.Errorf("%s is still there", keys[i])
		}
		if n := a.one(`SELECT count(*) FROM audit_log WHERE subject = 'recording:' || $1 AND action IN ('disposal.tombstone', 'disposal.object', 'disposal.copy', 'disposal.erase')`, id); n != "4" {
			t.Errorf("%s: %s entries in the audit log", keys[i], n)
		}
	}
	for _, bucket := range []string{a.bucket, "second"} {
		left, err := a.objects.Versions(t.Context(), bucket, "")
		a.ok(err)
		if len(left) != 0 {
			t.Errorf("left in %s: %+v", bucket, left)
		}
	}
	text, signature, err := a.db.DisposalRecord(t.Context(), postgres.Scope{}, disposal)
	a.ok(err)
	var rec custody.DisposalRecord
	a.ok(json.Unmarshal([]byte(text), &rec))
	a.ok(rec.Check())
	if len(rec.Destroyed) != len(ids) || len(rec.Kept) != 0 || !strings.HasPrefix(signature, fmt.Sprint(len(text))) {
		t.Errorf("%d destroyed, %d kept, %s", len(rec.Destroyed), len(rec.Kept), signature)
	}
	_, err = a.db.VerifyAudit(t.Context(), nil)
	a.ok(err)
}

// process disposes in a process of its own, which kills itself at the moment, and says whether it did.
func (a *archive) process(at custody.Moment, disposal string) bool {
	a.Helper()
	cfg, err := json.Marshal(a.cfg)
	a.ok(err)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "DISPOSE="+disposal, "DISPOSE_DATABASE="+storagetest.AppURL(a, a.url), "DISPOSE_OBJECTS="+string(cfg), "DISPOSE_KILL="+string(at))
	out, err := cmd.CombinedOutput()
	if err == nil {
		return false
	}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() || status.Signal() != syscall.SIGKILL {
		a.Fatalf("the disposing process: %v\n%s", err, out)
	}
	return true
}

// dispose is what such a process does.
func dispose(disposal string) error {
	var cfg objects.Config
	if err := json.Unmarshal([]byte(os.Getenv("DISPOSE_OBJECTS")), &cfg); err != nil {
		return err
	}
	o, err := objects.Open(cfg)
	if err != nil {
		return err
	}
	db, err := postgres.Open(context.Background(), os.Getenv("DISPOSE_DATABASE"))
	if err != nil {
		return err
	}
	defer db.Close()
	d := disposerOf(db, o, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	d.Watch = func(m custody.Moment, _ custody.DisposalItem) {
		if string(m) == os.Getenv("DISPOSE_KILL") {
			if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
				panic(err)
			}
			select {} // a signal may take a moment
		}
	}
	// The lead of a process that was killed is free as soon as the server has seen its connection end.
	for {
		if err := d.Once(context.Background(), disposal); err != nil && !errors.Is(err, custody.ErrElsewhere) {
			return err
		}
		got, err := db.Disposal(context.Background(), postgres.Scope{}, disposal)
		if err != nil || got.State == custody.DisposalDone {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// What cannot be destroyed stays, and says why: without a second copy that is the recording, by the store's refusal,
// after the window, without a key, and for other versions of the object.
func TestDisposerLeaves(t *testing.T) {
	t.Parallel()
	a := newArchive(t, minioConfig(t))
	ctx := t.Context()
	ids, os := a.old("a", "b", "c", "d", "e", "f")
	copies := a.copiesOf(ids)
	_, young := a.take(a.bucket, "c.wav", "the same name again", 0)
	a.ok(a.objects.RemoveAll(ctx, "second", copies[0].Key))
	a.ok(a.objects.Retain(ctx, os[1], time.Now().Add(time.Hour), custody.Compliance)) // more than the database knows
	disposal := a.approve()
	state := func(i int) string {
		return a.one(`SELECT state || array_to_string(reasons, ',') FROM disposal_items WHERE recording = $1`, ids[i])
	}

	d := a.disposer()
	now := time.Now().UTC()
	since := now.Sub(now.Truncate(24 * time.Hour))
	d.Window = custody.Window{From: since + time.Hour, To: since + 2*time.Hour, Zone: time.UTC}
	if err := d.Once(ctx, ""); !errors.Is(err, custody.ErrOutOfWindow) {
		t.Errorf("outside the window: %v", err)
	}
	d = a.disposer()
	d.Key = nil
	if err := d.Once(ctx, ""); !errors.Is(err, custody.ErrNoSigner) {
		t.Errorf("without a key: %v", err)
	}
	d = a.disposer()
	d.Copies = nil
	if err := d.Once(ctx, ""); !errors.Is(err, custody.ErrNoSecond) {
		t.Errorf("without a second store: %v", err)
	}
	if got := a.one(`SELECT count(*) FROM disposal_items WHERE state = 'waiting'`); got != "6" {
		t.Fatalf("%s of 6 wait", got)
	}
	d = a.disposer()
	since = time.Since(now.Truncate(24 * time.Hour))
	d.Rate, d.Window = 1, custody.Window{From: since - time.Minute, To: since + 2500*time.Millisecond, Zone: time.UTC} // it shuts while three wait
	a.ok(d.Once(ctx, ""))
	left := a.one(`SELECT count(*) FROM disposal_items WHERE state = 'waiting'`)
	if left == "0" || !strings.Contains(a.log.String(), "window is over") {
		t.Errorf("%s wait after the window: %s", left, a.log)
	}
	a.ok(a.disposer().Once(ctx, disposal))
	if got := state(0); got != "stayscopy" || a.gone(os[0]) {
		t.Errorf("without a second copy: %s", got)
	}
	if got := state(1); got != "tombstoned" || a.gone(os[1]) || a.one(`SELECT problem <> '' FROM disposal_items WHERE recording = $1`, ids[1]) != "t" {
		t.Errorf("locked in the store: %s", got)
	}
	for i := 2; i < len(ids); i++ {
		if got := state(i); got != "done" || !a.gone(os[i]) || !a.gone(copies[i]) {
			t.Errorf("%d: %s", i, got)
		}
	}
	if a.gone(young) {
		t.Error("another version went with it")
	}
	for key, there := range map[string]bool{"c.json": true, "d.json": false, "a.json": true} { // another version needs its metadata
		left, err := a.objects.Versions(ctx, a.bucket, key)
		a.ok(err)
		if (len(left) == 1) != there {
			t.Errorf("%s: %d versions", key, len(left))
		}
	}
	if got, err := a.db.Disposal(ctx, postgres.Scope{}, disposal); err != nil || got.State != custody.DisposalApproved || got.Destroyed() != 4 || got.Problems != 1 {
		t.Errorf("%+v %v", got, err)
	}
	// The tombstoned one is held: it stays for good, and the batch ends with a record of both.
	_, _, err := a.db.PlaceHold(ctx, by, custody.Hold{Recording: ids[1], Reason: "r", Owner: "o"})
	a.ok(err)
	a.ok(a.disposer().Once(ctx, ""))
	if got := state(1); got != "stayshold" || a.gone(os[1]) {
		t.Errorf("held: %s", got)
	}
	text, _, err := a.db.DisposalRecord(ctx, postgres.Scope{}, disposal)
	a.ok(err)
	var rec custody.DisposalRecord
	a.ok(json.Unmarshal([]byte(text), &rec))
	if len(rec.Destroyed) != 4 || len(rec.Kept) != 2 {
		t.Errorf("%+v", rec)
	}
}

// The embedded store destroys just so.
func TestDisposalOnEmbedded(t *testing.T) {
	t.Parallel()
	a := newArchive(t, storagetest.S3(t))
	ids, os := a.old("a", "b")
	copies := a.copiesOf(ids)
	disposal := a.approve()
	a.ok(a.disposer().Once(t.Context(), ""))
	for i := range ids {
		if !a.gone(os[i]) || !a.gone(copies[i]) {
			t.Errorf("%d is still there", i)
		}
	}
	if d, err := a.db.Disposal(t.Context(), postgres.Scope{}, disposal); err != nil || d.State != custody.DisposalDone || d.Destroyed() != 2 {
		t.Errorf("%+v %v", d, err)
	}
}
