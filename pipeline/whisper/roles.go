package whisper

import (
	"math"
	"regexp"
)

// What is said tells who says it. A collector introduces himself, names the principal, announces the recording
// and asks for payment; the other side asks who is calling, has no money and complains. Cues are patterns, not
// rules: they only decide which voice is the agent's, and how sure that is.
type cue struct {
	pattern *regexp.Regexp
	weight  float64 // positive speaks for the agent, negative for the other side
}

// gap is a short stretch within one clause. Full-width and ASCII punctuation end a clause.
const gap = `[^,，。.?？!！]{0,12}`

var cues = func() []cue {
	var out []cue
	for _, c := range []struct {
		weight  float64
		pattern string
	}{
		// Openings and closings that company and regulator prescribe for the collector.
		{4, `受` + gap + `委托`},
		{4, `工号`},
		{4, `(本次)?通话(将|会)?(被)?录音|开始录音|全程录音`},
		{3, `请问(您)?是`},
		{3, `是` + gap + `(先生|女士)吗`},
		{2, `工作人员|工作证`},
		{3, `感谢您的(接听|配合)|打扰了`},
		{3, `外访结束|我方已`},
		// The collector's business.
		{1, `您的(欠款|账户|信用卡|困难)|你的(欠款|信用卡)`},
		{1, `今天必须|尽快(还|给)|已经逾期|欠了`},
		{1, `登记|向银行申请|请您转告|请您让`},
		{1, `我们(就|会|将|理解)|我给你|我帮你|我保证`},
		{1, `不还钱|再不还`},
		// The other side.
		{-3, `你(们)?是谁|你(们)?是哪(里|位)|哪位`},
		{-3, `我(现在)?没有?(有)?钱|没有?工作|还不起|没钱`},
		{-2, `我要投诉|你(这)?是在威胁|威胁我`},
		{-2, `不在家|打错了|不认识`},
		{-2, `我(会)?(告诉|转告)(他|她)|我不知道`},
		{-2, `怎么了|什么事|真的吗|真的是`},
		{-2, `^(是我|我是|我就是)[,，。]`},
		{-2, `我(今天|明天|下午|下个月|下周|月底)?(去)?还(款|钱|。|三|五|一|两)`},
		{-2, `我考虑|我想想|我的征信|利息太`},
	} {
		out = append(out, cue{regexp.MustCompile(c.pattern), c.weight})
	}
	return out
}()

// agentScore weighs a text: above zero it sounds like the agent, below like the other side. Each cue counts once.
func agentScore(text string) float64 {
	s := 0.0
	for _, c := range cues {
		if c.pattern.MatchString(text) {
			s += c.weight
		}
	}
	return s
}

// certainty turns a difference of scores into a probability. 0.6 per point: one clear cue against none gives
// 0.86–0.92, a whole opening 0.99.
func certainty(difference float64) float64 { return 1 / (1 + math.Exp(-0.6*difference)) }
