package web

import (
	"bytes"
	"io"
	"log/slog"
	"math"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/lexicon"
	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/pipeline/audio"
	"github.com/speechqa/speechqa/pipeline/audio/audiotest"
	"github.com/speechqa/speechqa/storage/objects"
	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
	"github.com/speechqa/speechqa/web/browsertest"
)

// hostileName is what a file may be called, and hostileSaid what a model may write.
const (
	hostileName = "<img src=x onerror=alert(1)>\u202egnp.wav"
	hostileSaid = "\"><script>alert(1)</script>\u2066{{.}}"
)

// deskBed is a console on real servers with two recordings to judge, in two channels of half a minute.
type deskBed struct {
	matrix
	worse, milder string // ids
}

func newDesk(t *testing.T) *deskBed { t.Helper(); return newDeskOf(t, hostileName) }

// newDeskOf is a desk whose worse recording has a file name.
func newDeskOf(t *testing.T, name string) *deskBed {
	t.Helper()
	d := &deskBed{matrix: matrix{t: t}}
	d.store, d.database = storagetest.Open(t)
	bucket := storagetest.Objects(t, storagetest.S3(t), "recordings")
	us := []detectors.Utterance{
		{Speaker: "agent", Start: 1, End: 6, Text: "您好，请问是王芳女士吗？我是受华远银行委托的工作人员。"},
		{Speaker: "customer", Channel: 1, Start: 7, End: 10, Text: "是我，我现在没有钱。"},
		{Speaker: "agent", Start: 11, End: 17, Text: "你再不还钱，我们就叫人上门，让你全家都不得安宁。", Words: []detectors.Word{{Start: 0, End: 6, From: 11, To: 12, Confidence: .3}}},
		{Speaker: "customer", Channel: 1, Start: 16, End: 18.5, Text: "你这是在威胁我。"},
		{Speaker: "agent", Start: 23, End: 27, Text: "你这个骗子，不要脸。"},
		{Speaker: "customer", Channel: 1, Start: 27.5, End: 29, Text: hostileSaid + strings.Repeat("长", 10_000)},
	}
	channels := [2][]float32{make([]float32, 30*audio.SampleRate), make([]float32, 30*audio.SampleRate)}
	peaks := []audio.Peaks{{PerSecond: 20, Max: make([]byte, 600)}, {PerSecond: 20, Max: make([]byte, 600)}}
	for _, u := range us {
		for i := int(u.Start * audio.SampleRate); i < int(u.End*audio.SampleRate); i++ {
			channels[u.Channel][i] = float32(.3 * math.Sin(2*math.Pi*float64(220*(u.Channel+1))*float64(i)/audio.SampleRate))
		}
		for i := int(u.Start * 20); i < int(u.End*20); i++ {
			peaks[u.Channel].Max[i] = byte(80 + 60*(i%3))
		}
	}
	wav, err := os.ReadFile(audiotest.WriteWAV(t, channels[0], channels[1]))
	if err != nil {
		t.Fatal(err)
	}
	found := func(turn int, quote, rule string, severity detectors.Severity) detectors.Finding {
		at := strings.Index(us[turn].Text, quote)
		return detectors.Finding{Key: rule, Rule: rule, Severity: severity, Turn: turn, ByteStart: at, ByteEnd: at + len(quote), Quote: quote,
			Start: us[turn].Start, End: us[turn].End, Term: quote, How: "exact", Confidence: .9, Why: "命中，且未见否定。"}
	}
	threat, deception := found(2, "让你全家都不得安宁", "threat", "critical"), found(0, "华远银行委托", "deception", "major")
	d.worse = d.put(bucket, "2026/03/02/"+name, wav, us, peaks, threat, deception)
	us = slices.Clone(us)
	us[len(us)-1].Text = "我要投诉你。"
	d.milder = d.put(bucket, "2026/03/02/b.wav", wav, us, peaks, deception)
	rules, err := lexicon.LoadDefault()
	if err == nil {
		d.console, err = New(Config{Store: d.store, Sessions: d.store.Sessions(), Audio: bucket, Rules: RulesOf(rules), Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	}
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(d.console)
	t.Cleanup(server.Close)
	d.address = server.URL
	return d
}

// put takes a recording through every step, as the worker does.
func (d *deskBed) put(bucket *objects.Store, key string, wav []byte, us []detectors.Utterance, peaks []audio.Peaks, findings ...detectors.Finding) string {
	d.t.Helper()
	ctx := d.t.Context()
	try := func(err error) {
		d.t.Helper()
		if err != nil {
			d.t.Fatal(err)
		}
	}
	o, err := bucket.Put(ctx, "recordings", key, bytes.NewReader(wav), int64(len(wav)), objects.PutOptions{ContentType: "audio/wav"})
	try(err)
	_, err = d.store.Discover(ctx, []pipeline.Found{{Object: o, Kind: detectors.KindCall, Metadata: detectors.Metadata{AgentID: "2015", AgentName: "赵强", Team: "一组", Principal: "华远银行"}}})
	try(err)
	id := storagetest.Query(d.t, d.database, `SELECT id FROM recordings WHERE key = $1`, key)[0]
	r, err := d.store.Begin(ctx, id, pipeline.StepTranscribe, "w")
	try(err)
	try(d.store.CommitTranscript(ctx, id, r.Attempt, pipeline.Transcribed{SHA256: key, Audio: audio.Facts{Duration: 30, Channels: 2, Codec: "pcm_s16le", SourceRate: 16000},
		Peaks: peaks, TranscriptHash: key, Transcript: detectors.Transcript{Utterances: us, Removed: []detectors.RemovedText{{Start: 20, End: 21, Text: "请不吝点赞", Reason: "known_phrase"}}}}))
	d.inspect(id, key, 100-15*len(findings), findings...)
	return id
}

func (d *deskBed) inspect(id, hash string, score int, findings ...detectors.Finding) {
	d.t.Helper()
	r, err := d.store.Begin(d.t.Context(), id, pipeline.StepInspect, "w")
	if err == nil {
		err = d.store.CommitInspection(d.t.Context(), id, r.Attempt, pipeline.Inspected{TranscriptHash: hash, Rescore: worthless,
			Result: detectors.Result{Score: score, RulesetHash: "r", EngineVersion: "1", Findings: findings}})
	}
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *deskBed) review(id string) postgres.Review {
	d.t.Helper()
	v, err := d.store.Review(d.t.Context(), id)
	if err != nil {
		d.t.Fatal(err)
	}
	return v
}

// The clerk's way by keyboard: next recording, hear the evidence, confirm, undo, overturn with a reason, add what was
// missed, a disposition, on to the next.
func TestClerkByKeyboardInBrowser(t *testing.T) {
	d := newDesk(t)
	clerk := d.signIn(d.user(postgres.User{Name: "li", DisplayName: "李质检", Role: string(RoleClerk)}))
	b := browsertest.Open(t, d.address, clerk)
	b.Go("/")
	b.Accessible("node_modules")
	b.Go("/recordings/" + d.worse)
	b.Becomes(`document.getElementById("audio").readyState > 0 && document.querySelector("#wave > *") && !document.getElementById("side").disabled`)
	if n := browsertest.Ask[int](b, `document.querySelectorAll("main script, main img").length`); n != 0 {
		t.Errorf("the hostile name or text made %d elements", n)
	}
	const audioAt = `document.getElementById("audio").currentTime`
	b.Press("j")
	b.Press("j")
	b.Becomes(`document.querySelector(".finding.current")?.dataset.finding === "threat" || document.querySelector(".finding.current")?.dataset.finding === "deception"`)
	at := browsertest.Ask[float64](b, `Number(document.querySelector(".finding.current").dataset.start)`)
	b.Becomes(audioAt + ` > 0.3`)
	if from := browsertest.Ask[float64](b, audioAt); from > math.Max(0, at-3)+2.5 {
		t.Errorf("evidence at %.1f s is heard from %.1f s", at, from)
	}
	b.Press("k")
	b.Becomes(`document.querySelector(".finding.current").dataset.finding === "threat"`)
	b.Becomes(audioAt + ` >= 8 && ` + audioAt + ` < 14`)
	b.Press("m")
	b.Becomes(`document.getElementById("side").value === "agent"`)
	before := browsertest.Ask[float64](b, audioAt)
	b.Becomes(audioAt + ` > ` + strconv.FormatFloat(before, 'f', 2, 64) + ` + 0.5`) // one side alone plays on
	b.Press("+")
	b.Becomes(`document.getElementById("audio").playbackRate === 1.25`)
	b.Press(" ")
	b.Becomes(`document.getElementById("audio").paused`)

	b.Press("c")
	b.Becomes(`document.querySelector(".finding.v-confirmed")`)
	b.Press("u")
	b.Becomes(`!document.querySelector(".finding.v-confirmed")`)
	b.Press("o")
	b.Becomes(`document.activeElement.name === "reason"`)
	b.Fill(".finding.current textarea[name=note]", "听错了")
	b.Click(".finding.current button[value=overturned]")
	b.Becomes(`document.querySelector(".finding.v-overturned[data-finding=threat]")`)

	browsertest.Ask[bool](b, `(() => { const said = document.querySelector("#t-4 .said"), text = said.querySelector("bdi").firstChild, s = getSelection();
		s.setBaseAndExtent(text, 2, text, 5); return true })()`)
	b.Press("a")
	b.Becomes(`document.getElementById("add-dialog").open && document.querySelector("#add-dialog .selected").textContent === "个骗子"`)
	b.Accessible("node_modules")
	b.Fill("#add-dialog select[name=rule]", "insult")
	b.Click("#add-dialog button.primary")
	b.Becomes(`document.querySelector("#t-4 mark")?.textContent === "个骗子"`)

	b.Press("d")
	b.Becomes(`document.getElementById("dispose-dialog").open`)
	b.Fill("#dispose-dialog select[name=kind]", "retrain")
	b.Fill("#dispose-dialog input[name=told]", "组长 王")
	b.Fill("#dispose-dialog input[name=due]", "2026-01-05")
	b.Click("#dispose-dialog button.primary")
	b.Becomes(`document.querySelector(".dispositions .in-force")?.textContent.includes("组长 王")`)
	b.Becomes(`document.querySelector(".dispositions .in-force .overdue")`)
	b.Accessible("node_modules")
	b.Click(".dispositions .in-force form button")
	b.Becomes(`document.querySelector(".dispositions .in-force .state.done") && !document.querySelector(".dispositions .in-force form")`)
	b.Press("h")
	b.Becomes(`!document.querySelector(".nothit").hidden`)
	b.Press("?")
	b.Becomes(`document.getElementById("help").open`)
	b.Accessible("node_modules")
	b.Click("#help button")
	b.Accessible("node_modules")
	b.Press("n")
	b.Becomes(`location.pathname === "/recordings/` + d.milder + `" && document.readyState === "complete" && document.querySelector("#wave > *")`)
	b.Press("j")
	b.Becomes(`document.querySelector("mark.current")`)
	b.Picture(pictures, "clerk-review")

	v := d.review(d.worse)
	var added postgres.JudgedFinding
	for _, f := range v.Findings {
		if f.Added {
			added = f
		}
	}
	if added.Quote != "个骗子" || added.Rule != "insult" || added.Turn != 4 || len(v.Dispositions) != 1 || len(v.Trail) != 5 {
		t.Errorf("kept: added %+v, %d dispositions, %d lines in the trail", added.Finding, len(v.Dispositions), len(v.Trail))
	}
}

// The clerk's way by mouse, in English: a line plays, a conflict is said plainly, both sides are swapped and the
// recording is inspected again.
func TestClerkByMouseInBrowser(t *testing.T) {
	d := newDesk(t)
	clerk := d.signIn(d.user(postgres.User{Name: "li", DisplayName: "李质检", Role: string(RoleClerk), Lang: "en"}))
	b := browsertest.Open(t, d.address, clerk)
	b.Go("/recordings/" + d.worse)
	b.Becomes(`document.getElementById("audio").readyState > 0`)
	b.Click("#t-4 .at")
	b.Becomes(`document.getElementById("audio").currentTime >= 20 && document.getElementById("audio").currentTime < 23`)
	b.Click("#toggle")

	other := d.user(postgres.User{Name: "an", DisplayName: "安质检", Role: string(RoleClerk)})
	if err := d.store.Decide(t.Context(), postgres.Decision{RecordingID: d.worse, FindingKey: "deception", Verdict: postgres.VerdictConfirmed, UserID: other.ID}, worthless); err != nil {
		t.Fatal(err)
	}
	b.Expect("409 (Conflict)")
	b.Click("[data-finding=threat] button.confirm")
	b.Becomes(`!document.getElementById("conflict").hidden`)
	b.Accessible("node_modules")
	b.Click("#conflict [data-reload]")
	b.Becomes(`document.querySelector("[data-finding=deception].v-confirmed")`)
	b.Click("[data-finding=threat] button.confirm")
	b.Becomes(`document.querySelector("[data-finding=threat].v-confirmed")`)

	b.Click("details.speakers summary")
	b.Click("#t-3 .speaker")
	b.Becomes(`document.getElementById("t-3").dataset.speaker === "unknown" && !document.getElementById("correct").disabled`)
	b.Accessible("node_modules")
	b.Click("#correct")
	b.Becomes(`document.querySelector("#review[data-again]")`)
	d.inspect(d.worse, d.review(d.worse).TranscriptHash, 85)
	b.Becomes(`document.readyState === "complete" && document.querySelector(".correction") && !document.querySelector("#review[data-again]")`)
	if s := browsertest.Ask[string](b, `document.getElementById("t-3").dataset.speaker`); s != "unknown" {
		t.Errorf("the corrected speaker is %s", s)
	}
}

// A lead's way: counts beside the stages, a filter kept and dropped, recordings assigned, what is expected of a clerk.
func TestLeadsListInBrowser(t *testing.T) {
	d := newDeskOf(t, "a.wav")
	li := d.user(postgres.User{Name: "li", DisplayName: "李质检", Role: string(RoleClerk)})
	lead := d.signIn(d.user(postgres.User{Name: "wang", DisplayName: "王组长", Role: string(RoleLead)}))
	b := browsertest.Open(t, d.address, lead)
	b.Go("/?status=to_judge&rule=threat")
	b.Becomes(`document.querySelector("[data-count=tab-to_judge]").textContent === "1" && document.querySelectorAll("table.list tbody tr").length === 1`)
	b.Fill(".save-filter input[name=name]", "威胁")
	b.Click(".save-filter button")
	b.Becomes(`document.querySelector(".pill [data-count]")?.textContent === "1"`)
	b.Accessible("node_modules")
	b.Click(".pill button")
	b.Becomes(`!document.querySelector(".pill") && document.querySelectorAll("table.list tbody tr").length === 2`)
	b.Go("/?status=to_judge")
	b.Becomes(`document.querySelector("[data-count=tab-to_judge]").textContent === "2"`)
	b.Picture(pictures, "lead-list")
	b.Click("#all-rows")
	b.Fill("#assign select", li.ID)
	b.Click("#assign button")
	b.Becomes(`document.querySelectorAll("table.list td small").length > 0 && document.querySelector(".flash")`)
	told := browsertest.Open(t, d.address, d.signIn(li))
	told.Go("/notices")
	told.Becomes(`document.querySelector("li.new[data-notice=assigned] a").textContent.includes("2")`)
	told.Accessible("node_modules")
	told.Picture(pictures, "notices-clerk")
	told.Click("li[data-notice=assigned] a")
	told.Becomes(`document.querySelectorAll("table.list tbody tr").length === 2`)
	b.Go("/desk")
	b.Becomes(`document.querySelector("tr[data-user='` + li.ID + `'] a")?.textContent === "2"`)
	b.Accessible("node_modules")
	b.Fill("tr[data-user='"+li.ID+"'] input[name=quota]", "90")
	b.Click("tr[data-user='" + li.ID + "'] button")
	b.Becomes(`document.querySelector("tr[data-user='` + li.ID + `'] td")?.textContent === "0 / 90"`)
	b.Go("/?assignee=nobody")
	b.Becomes(`document.querySelector(".empty h2")`)
	b.Accessible("node_modules")
}
