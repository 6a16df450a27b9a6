package web

import (
	"time"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/pipeline/audio"
	"github.com/speechqa/speechqa/storage/postgres"
)

// sampleReview is a recording with every thing a page can show: judged and unjudged findings, a doubtful one,
// one about the whole recording, faint words, removed text, slots, a trail.
func sampleReview() postgres.Review {
	at := time.Date(2026, 3, 2, 2, 15, 0, 0, time.UTC)
	us := []detectors.Utterance{
		{Speaker: "agent", Start: 0.5, End: 11.5, Text: "您好，请问是王芳女士吗？我是受华远银行委托的工作人员，工号二零一五，本次通话将被录音。", Confidence: .9},
		{Speaker: "customer", Channel: 1, Start: 11.9, End: 14.2, Text: "是我，我现在没有钱。", Confidence: .9},
		{Speaker: "agent", Start: 14.9, End: 20.8, Text: "你再不还钱，我们就叫人上门，让你全家都不得安宁。", Confidence: .9,
			Words: []detectors.Word{{Start: 0, End: 6, From: 14.9, To: 15.4, Confidence: .3}}},
		{Speaker: "customer", Channel: 1, Start: 21.4, End: 23.5, Text: "你这是在威胁我。", Confidence: .9},
		{Speaker: "agent", Start: 23.9, End: 27.5, Text: "今天不还钱，明天就让你坐牢。", Confidence: .8},
		{Speaker: "unknown", Start: 28, End: 29.3, Text: "我要投诉你。", Confidence: .8, SpeakerConfidence: .5},
	}
	finding := func(turn int, quote, rule, how string, sev detectors.Severity) postgres.JudgedFinding {
		start := 0
		for i := range us[turn].Text {
			if i+len(quote) <= len(us[turn].Text) && us[turn].Text[i:i+len(quote)] == quote {
				start = i
			}
		}
		return postgres.JudgedFinding{Verdict: postgres.VerdictOpen, Finding: detectors.Finding{
			Key: detectors.FindingKey("r", rule, quote, 1), Rule: rule, RuleVersion: 1, Severity: sev, Turn: turn,
			ByteStart: start, ByteEnd: start + len(quote), Quote: quote, Start: us[turn].Start, End: us[turn].End,
			Term: quote, How: how, Confidence: .91, Why: "命中威胁词，且未见否定或引述。"}}
	}
	threat := finding(2, "让你全家都不得安宁", "threat", "exact", detectors.SeverityCritical)
	jail := finding(4, "让你坐牢", "threat", "homophone", detectors.SeverityCritical)
	jail.Verdict, jail.Reason, jail.Note, jail.By, jail.At = postgres.VerdictOverturned, "misheard", "听不清", "李质检", at
	doubtful := finding(5, "投诉", "incite_complaint", "model", detectors.SeverityMinor)
	doubtful.Doubtful = true
	whole := postgres.JudgedFinding{Verdict: postgres.VerdictConfirmed, By: "李质检", At: at, Finding: detectors.Finding{
		Key: "whole", Rule: "missing_closing", Severity: detectors.SeverityMinor, Turn: -1, How: "slots", Confidence: 1,
		Why: "结束语缺：感谢语。"}}
	return postgres.Review{
		Recording: pipeline.Recording{ID: "0191d7a0-0000-7000-8000-000000000001", State: pipeline.StateInspected, Kind: detectors.KindCall,
			Object: pipeline.Object{Key: "2026/03/02/02-threat.wav"}, Duration: 36.2, SHA256: "ab12",
			Metadata: detectors.Metadata{AgentID: "2015", AgentName: "赵强", Team: "一组", Principal: "华远银行信用卡",
				CaseID: "HY-20260302-7", Phone: "13800001234", StartedAt: at}},
		Audio: audio.Facts{Codec: "pcm_s16le", SourceRate: 8000, Channels: 2, Duration: 36.2, Warnings: []string{"文件头与数据长度不符。"}},
		Peaks: []audio.Peaks{{PerSecond: 20, Max: []byte{1, 200, 30}}, {PerSecond: 20, Max: []byte{0, 0, 90}}},
		Transcript: detectors.Transcript{Utterances: us, ModelName: "demo-zh",
			Removed: []detectors.RemovedText{{Start: 30, End: 31, Text: "请不吝点赞", Reason: "known_phrase"}}},
		Score: 40, Fatal: true, RulesetHash: "0123456789abcdef", Profile: "华远银行/2",
		Slots: map[string][]detectors.Slot{"missing_opening": {
			{Name: "greeting", Title: "问候", Heard: true, Turn: 0, Quote: "您好"},
			{Name: "identity", Title: "身份与委托方", Heard: true, Turn: 0, Quote: "受华远银行委托"},
			{Name: "purpose", Title: "来意", Heard: false}}},
		Findings: []postgres.JudgedFinding{threat, jail, doubtful, whole},
		Trail:    []postgres.ReviewEvent{{At: at, By: "李质检", Action: "overturned", FindingKey: jail.Key, Rule: "threat", Reason: "misheard", Note: "听不清", Score: 40}},
		Version:  3,
	}
}

// sampleList is a page of the list with one row of every state.
func sampleList() postgres.ListPage {
	at := time.Date(2026, 3, 2, 2, 15, 0, 0, time.UTC)
	meta := detectors.Metadata{AgentID: "2015", AgentName: "赵强", Team: "一组", Principal: "华远银行信用卡", StartedAt: at}
	return postgres.ListPage{Next: "cursor", Rows: []postgres.ListRow{
		{ID: "0191d7a0-0000-7000-8000-000000000001", Key: "2026/03/02/02-threat.wav", Kind: "call", Metadata: meta, State: "inspected",
			Duration: 36, Score: 40, Fatal: true, Open: 2, Rules: []postgres.RuleCount{{Rule: "threat", Severity: "critical", Count: 2}, {Rule: "incite_complaint", Severity: "minor", Count: 1, Doubtful: true}}},
		{ID: "0191d7a0-0000-7000-8000-000000000002", Key: "2026/03/02/04-waiver.wav", Kind: "call", Metadata: meta, State: "inspected", Duration: 31, Score: 80, Confirmed: 1,
			Rules: []postgres.RuleCount{{Rule: "unauthorized_waiver", Severity: "critical", Count: 1}}},
		{ID: "0191d7a0-0000-7000-8000-000000000003", Key: "2026/03/02/01-clean.wav", Kind: "visit", Metadata: meta, State: "inspected", Duration: 53, Score: 100},
		{ID: "0191d7a0-0000-7000-8000-000000000004", Key: "2026/03/02/broken.wav", Kind: "call", State: "failed", Reason: "文件为空，没有音频数据。"},
		{ID: "0191d7a0-0000-7000-8000-000000000005", Key: "2026/03/02/new.wav", Kind: "call", State: "discovered"},
	}}
}
