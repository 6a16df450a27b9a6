package meta

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/speechqa/speechqa/detectors"
)

func resolver(t *testing.T, pattern string) *Resolver {
	t.Helper()
	p, err := ParsePattern(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return &Resolver{Pattern: p}
}

var march2 = time.Date(2026, 3, 2, 10, 15, 30, 0, chinaTime)

func TestResolve(t *testing.T) {
	const key = "visit/2026/03/02/1023_20260302T101530_13800138000_A77.wav"
	for name, c := range map[string]struct {
		in   Sources
		want Resolved
	}{
		"key alone": {Sources{Key: key}, Resolved{Kind: detectors.KindVisit, Metadata: detectors.Metadata{
			AgentID: "1023", Phone: "13800138000", CaseID: "A77", StartedAt: march2}}},
		"key in folders, other extension": {Sources{Key: "store/x/" + strings.TrimSuffix(key, "wav") + "mp3"}, Resolved{Kind: detectors.KindVisit, Metadata: detectors.Metadata{
			AgentID: "1023", Phone: "13800138000", CaseID: "A77", StartedAt: march2}}},
		"key that tells nothing": {Sources{Key: "a.wav"}, Resolved{Kind: detectors.KindCall}},
		"callee in words": {Sources{Key: "call/2026/03/02/1023_20260302T101530_本人_A77.wav"}, Resolved{Kind: detectors.KindCall, Metadata: detectors.Metadata{
			AgentID: "1023", Callee: "debtor", CaseID: "A77", StartedAt: march2}}},
		"object tags": {Sources{Object: map[string]string{"X-Amz-Meta-Agent-Id": "7", "type": "外访", "relation": "配偶", "batch": "b1"}},
			Resolved{Kind: detectors.KindVisit, Metadata: detectors.Metadata{AgentID: "7", Relation: "spouse", Extra: map[string]string{"batch": "b1"}}}},
		"sidecar": {Sources{Sidecar: []byte(`{"agent_id": 1023, "agent_name":"李强", "started_at":"2026-03-02T02:15:30Z", "duration": 95.5, "extra":{"skill":"m3"}, "list":[1]}`)},
			Resolved{Kind: detectors.KindCall, Metadata: detectors.Metadata{Duration: 95.5, AgentID: "1023", AgentName: "李强", StartedAt: march2, Extra: map[string]string{"skill": "m3"}}}},
		"manifest row": {Sources{Manifest: map[string]string{"坐席工号": "1023", "被叫号码": "138-0013-8000", "通话开始时间": "2026/3/2 10:15:30", "通话时长": "00:01:35", "委托银行": "华远银行", "组别": "M3一组"}},
			Resolved{Kind: detectors.KindCall, Metadata: detectors.Metadata{Duration: 95, AgentID: "1023", Phone: "13800138000", StartedAt: march2, Principal: "华远银行", Team: "M3一组"}}},
		"precedence and contradiction": {Sources{
			Object: map[string]string{"agent": "1"}, Sidecar: []byte(`{"agent":"2","case":"C2"}`), Manifest: map[string]string{"工号": "1", "案件号": "C3", "团队": "T3"}, Key: key},
			Resolved{Kind: detectors.KindVisit, Metadata: detectors.Metadata{AgentID: "1", CaseID: "C2", Team: "T3", Phone: "13800138000", StartedAt: march2},
				Notes: []string{
					"工号不一致:对象标签为“1”,旁注文件为“2”,采用对象标签",
					"工号不一致:对象标签为“1”,文件名为“1023”,采用对象标签",
					"案件编号不一致:旁注文件为“C2”,清单为“C3”,采用旁注文件",
					"案件编号不一致:旁注文件为“C2”,文件名为“A77”,采用旁注文件",
				}}},
		"the same in another form is no contradiction": {Sources{
			Object: map[string]string{"start_time": "2026-03-02 10:15:30", "relation": "spouse"}, Manifest: map[string]string{"开始时间": "46083.4274305556", "关系": "妻子"}},
			Resolved{Kind: detectors.KindCall, Metadata: detectors.Metadata{StartedAt: march2, Relation: "spouse"}}},
		"values that make no sense": {Sources{
			Object: map[string]string{"kind": "carrier pigeon", "start": "yesterday", "phone": "abc", "duration": "-5"}, Manifest: map[string]string{"类型": "电话"}},
			Resolved{Kind: detectors.KindCall, Notes: []string{
				"录音类型“carrier pigeon”(来自对象标签)无法识别,未采用",
				"电话号码“abc”(来自对象标签)无法识别,未采用",
				"开始时间“yesterday”(来自对象标签)无法识别,未采用",
				"时长“-5”(来自对象标签)无法识别,未采用",
			}}},
		"broken sidecar": {Sources{Sidecar: []byte(`{"agent":`), Object: map[string]string{"agent": "1"}},
			Resolved{Kind: detectors.KindCall, Metadata: detectors.Metadata{AgentID: "1"}, Notes: []string{"旁注文件不是有效的 JSON,未采用"}}},
		"number as a spreadsheet writes it": {Sources{Manifest: map[string]string{"手机号": "1.3800138E+10", "工号": "1023.0"}},
			Resolved{Kind: detectors.KindCall, Metadata: detectors.Metadata{AgentID: "1023", Phone: "13800138000"}}},
		"empty values tell nothing": {Sources{Object: map[string]string{"agent": " ", "batch": ""}, Key: key}, Resolved{Kind: detectors.KindVisit, Metadata: detectors.Metadata{
			AgentID: "1023", Phone: "13800138000", CaseID: "A77", StartedAt: march2}}},
		"masked number": {Sources{Object: map[string]string{"callee": "138****8000"}}, Resolved{Kind: detectors.KindCall, Metadata: detectors.Metadata{Phone: "138****8000"}}},
	} {
		t.Run(name, func(t *testing.T) {
			got := resolver(t, DefaultPattern).Resolve(c.in)
			if d := cmp.Diff(c.want, got, cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })); d != "" {
				t.Errorf("want -, got +:\n%s", d)
			}
		})
	}
}

func TestResolveDefaults(t *testing.T) {
	r := &Resolver{DefaultKind: detectors.KindVisit, Location: time.UTC}
	got := r.Resolve(Sources{Key: "x", Object: map[string]string{"start": "20260302T101530"}})
	if got.Kind != detectors.KindVisit || !got.Metadata.StartedAt.Equal(time.Date(2026, 3, 2, 10, 15, 30, 0, time.UTC)) {
		t.Errorf("%+v", got)
	}
}

func TestPattern(t *testing.T) {
	for _, c := range []struct {
		pattern, key string
		want         map[string]string
	}{
		{"{team}/{yyyymmdd}/{hhmmss}-{agent}-{phone}.wav", "三组/20260302/101530-1023-13800138000.WAV",
			map[string]string{"team": "三组", "agent": "1023", "phone": "13800138000", "started_at": "20260302T101530"}},
		{"**/{case}/*_{agent}", "a/b/C-1/rec9_1023.wav", map[string]string{"case": "C-1", "agent": "1023"}},
		{"{agent}/{yyyy}{mm}{dd}{hh}{mi}", "1023/202603021015.wav", map[string]string{"agent": "1023", "started_at": "20260302T101500"}},
		{"{agent}/{yyyy}-{mm}-{dd}", "1023/2026-03-02.wav", map[string]string{"agent": "1023"}},
		{"(v1)/{agent}.wav", "(v1)/7.wav", map[string]string{"agent": "7"}},
		{"{agent}.wav", "7_x.y/1023.wav", map[string]string{"agent": "1023"}},
		{"{kind}/{agent}_{case}.wav", "call/1023.wav", nil},
	} {
		p, err := ParsePattern(c.pattern)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(c.want, p.match(c.key)); d != "" {
			t.Errorf("%s on %s: want -, got +:\n%s", c.pattern, c.key, d)
		}
	}
	for _, bad := range []string{"", "plain.wav", "{agent", "agent}", "{}", "{a b}", "{坐席}"} {
		if p, err := ParsePattern(bad); err == nil {
			t.Errorf("%q is taken: %+v", bad, p)
		}
	}
}

// FuzzResolve: whatever comes in, something comes out.
func FuzzResolve(f *testing.F) {
	f.Add("call/2026/03/02/1023_20260302T101530_13800138000_A77.wav", `{"agent":1}`, "started_at", "46083.4")
	f.Add("x", `{"extra":{"extra":{"a":1e999}}}`, "phone", "1e99")
	p, err := ParsePattern(DefaultPattern)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, key, sidecar, tag, value string) {
		got := (&Resolver{Pattern: p}).Resolve(Sources{Key: key, Sidecar: []byte(sidecar), Object: map[string]string{tag: value}})
		if got.Kind != detectors.KindCall && got.Kind != detectors.KindVisit {
			t.Errorf("kind %q", got.Kind)
		}
	})
}
