package meta

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/speechqa/speechqa/detectors"
)

// field is something that can be known about a recording.
type field struct {
	name  string
	title string // Chinese, for notes
	// read brings a value into its one normal form, so that sources can be compared.
	read func(r *Resolver, raw string) (string, error)
	set  func(r *Resolver, out *Resolved, value string)
}

// fields in the order in which notes about them appear.
var fields = []field{
	{"kind", "录音类型", oneOf(kinds), func(_ *Resolver, o *Resolved, v string) { o.Kind = detectors.Kind(v) }},
	{"agent_id", "工号", readNumberOrText, func(_ *Resolver, o *Resolved, v string) { o.Metadata.AgentID = v }},
	{"agent_name", "坐席姓名", readText, func(_ *Resolver, o *Resolved, v string) { o.Metadata.AgentName = v }},
	{"team", "团队", readText, func(_ *Resolver, o *Resolved, v string) { o.Metadata.Team = v }},
	{"principal", "委托方", readText, func(_ *Resolver, o *Resolved, v string) { o.Metadata.Principal = v }},
	{"case_id", "案件编号", readNumberOrText, func(_ *Resolver, o *Resolved, v string) { o.Metadata.CaseID = v }},
	{"phone", "电话号码", readPhone, func(_ *Resolver, o *Resolved, v string) { o.Metadata.Phone = v }},
	{"callee", "通话对象", oneOf(callees), func(_ *Resolver, o *Resolved, v string) { o.Metadata.Callee = v }},
	{"relation", "与债务人关系", oneOf(relations), func(_ *Resolver, o *Resolved, v string) { o.Metadata.Relation = v }},
	{"started_at", "开始时间", readTime, func(r *Resolver, o *Resolved, v string) {
		t, _ := time.Parse(time.RFC3339Nano, v) // readTime wrote it
		o.Metadata.StartedAt = t.In(r.location())
	}},
	{"duration", "时长", readDuration, func(_ *Resolver, o *Resolved, v string) {
		o.Metadata.Duration, _ = strconv.ParseFloat(v, 64) // readDuration wrote it
	}},
}

// names are what the fields are called by dialers, recorders and people.
var names = map[string]string{
	"type": "kind", "record_type": "kind", "类型": "kind", "录音类型": "kind", "作业类型": "kind",
	"agent": "agent_id", "agentid": "agent_id", "agent_no": "agent_id", "工号": "agent_id", "坐席": "agent_id", "坐席工号": "agent_id", "员工编号": "agent_id", "催收员工号": "agent_id",
	"agentname": "agent_name", "姓名": "agent_name", "坐席姓名": "agent_name", "催收员": "agent_name", "催收员姓名": "agent_name",
	"group": "team", "团队": "team", "组别": "team", "小组": "team", "部门": "team",
	"client": "principal", "bank": "principal", "委托方": "principal", "委托银行": "principal", "银行": "principal", "产品": "principal",
	"case": "case_id", "caseid": "case_id", "case_no": "case_id", "案件": "case_id", "案件号": "case_id", "案件编号": "case_id", "合同号": "case_id",
	"number": "phone", "called": "phone", "called_number": "phone", "tel": "phone", "电话": "phone", "电话号码": "phone", "被叫": "phone", "被叫号码": "phone", "手机号": "phone", "联系电话": "phone",
	"对象": "callee", "通话对象": "callee", "联系对象": "callee",
	"关系": "relation", "与债务人关系": "relation", "与本人关系": "relation", "联系人关系": "relation",
	"start": "started_at", "start_time": "started_at", "starttime": "started_at", "startedat": "started_at", "time": "started_at", "开始时间": "started_at", "通话时间": "started_at", "通话开始时间": "started_at", "呼叫时间": "started_at", "录音时间": "started_at",
	"length": "duration", "seconds": "duration", "时长": "duration", "通话时长": "duration", "录音时长": "duration",
}

var kinds = map[string][]string{
	"call":  {"call", "calls", "phone", "电话", "电催", "通话", "电话催收", "呼出", "呼入"},
	"visit": {"visit", "visits", "field", "外访", "上门", "上门催收", "面访"},
}

var callees = map[string][]string{
	"debtor":      {"debtor", "self", "本人", "债务人", "持卡人", "借款人", "客户本人"},
	"third_party": {"third_party", "third-party", "thirdparty", "第三方", "第三人", "联系人", "非本人"},
	"unknown":     {"unknown", "未知", "不详"},
}

var relations = map[string][]string{
	"self":             {"self", "本人"},
	"spouse":           {"spouse", "配偶", "丈夫", "妻子", "夫妻", "爱人", "老公", "老婆"},
	"parent":           {"parent", "父母", "父亲", "母亲", "爸爸", "妈妈"},
	"child":            {"child", "子女", "儿子", "女儿"},
	"friend":           {"friend", "朋友"},
	"colleague":        {"colleague", "同事", "单位"},
	"neighbor":         {"neighbor", "neighbour", "邻居"},
	"property_manager": {"property_manager", "物业", "物业人员"},
	"unknown":          {"unknown", "未知", "不详", "其他"},
}

// fieldName returns the field a key means, or the key in lower case.
func fieldName(key string) string {
	k := strings.ToLower(strings.TrimSpace(key))
	k = strings.TrimPrefix(k, "x-amz-meta-")
	k = strings.NewReplacer("-", "_", " ", "_").Replace(k)
	if n, ok := names[k]; ok {
		return n
	}
	return k
}

func isField(name string) bool {
	return slices.ContainsFunc(fields, func(f field) bool { return f.name == name })
}

var errNotUnderstood = errors.New("not understood")

func readText(_ *Resolver, raw string) (string, error) { return raw, nil }

// scientific is how spreadsheets write long numbers.
var scientific = regexp.MustCompile(`^[0-9](\.[0-9]+)?[eE]\+?[0-9]{1,2}$`)

// readNumberOrText undoes what spreadsheets do to long numbers: 6.2225E+15 and 1023.0.
func readNumberOrText(_ *Resolver, raw string) (string, error) {
	if scientific.MatchString(raw) {
		f, err := strconv.ParseFloat(raw, 64)
		if err != nil {
			return "", fmt.Errorf("read %q: %w", raw, err)
		}
		return strconv.FormatFloat(f, 'f', -1, 64), nil
	}
	if whole, ok := strings.CutSuffix(raw, ".0"); ok && strings.Trim(whole, "0123456789") == "" {
		return whole, nil
	}
	return raw, nil
}

// isPhone says that a text is a telephone number and no word: five digits or more, or part of them masked.
func isPhone(raw string) bool {
	digits := 0
	for _, c := range raw {
		switch {
		case c >= '0' && c <= '9' || c == '*':
			digits++
		case strings.ContainsRune("+-() ", c):
		default:
			return false
		}
	}
	return digits >= 5
}

func readPhone(r *Resolver, raw string) (string, error) {
	raw, err := readNumberOrText(r, raw)
	if err != nil || !isPhone(raw) {
		return "", errNotUnderstood
	}
	return strings.Map(func(c rune) rune {
		if c == '-' || c == ' ' || c == '(' || c == ')' {
			return -1
		}
		return c
	}, raw), nil
}

// oneOf reads a word that has a fixed set of meanings.
func oneOf(words map[string][]string) func(*Resolver, string) (string, error) {
	meaning := map[string]string{}
	for m, ws := range words {
		for _, w := range ws {
			meaning[w] = m
		}
	}
	return func(_ *Resolver, raw string) (string, error) {
		if m, ok := meaning[strings.ToLower(raw)]; ok {
			return m, nil
		}
		return "", errNotUnderstood
	}
}

// layouts of times; those without a zone are in the resolver's.
var layouts = []string{
	time.RFC3339Nano, "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-1-2 15:04:05", "2006/1/2 15:04:05", "2006/1/2 15:04",
	"2006-1-2 15:04", "20060102T150405", "20060102150405", "20060102_150405", "2006年1月2日 15:04:05", "2006年1月2日15:04:05", "2006年1月2日15时04分05秒", "20060102", "2006-01-02",
}

func (r *Resolver) location() *time.Location {
	if r.Location != nil {
		return r.Location
	}
	return chinaTime
}

// excelEpoch is day 0 of spreadsheets' dates.
var excelEpoch = time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)

// readTime reads a point in time: the usual layouts, seconds or milliseconds since 1970, days since 1900 as
// spreadsheets keep them. A year outside 2000–2100 is a mistake.
func readTime(r *Resolver, raw string) (string, error) {
	t, err := r.parseTime(raw)
	if err != nil || t.Year() < 2000 || t.Year() > 2100 {
		return "", errNotUnderstood
	}
	return t.UTC().Format(time.RFC3339Nano), nil
}

func (r *Resolver) parseTime(raw string) (time.Time, error) {
	for _, l := range layouts {
		if t, err := time.ParseInLocation(l, raw, r.location()); err == nil {
			return t, nil
		}
	}
	n, err := strconv.ParseFloat(raw, 64)
	switch {
	case err != nil:
		return time.Time{}, errNotUnderstood
	case n >= 36526 && n < 73051: // 2000 to 2100 in days
		days, day := math.Modf(n)
		d := excelEpoch.AddDate(0, 0, int(days))
		return time.Date(d.Year(), d.Month(), d.Day(), 0, 0, 0, 0, r.location()).Add(time.Duration(math.Round(day*86400)) * time.Second), nil
	case n >= 9e8 && n < 5e9:
		return time.Unix(int64(n), 0), nil
	case n >= 9e11 && n < 5e12:
		return time.UnixMilli(int64(n)), nil
	}
	return time.Time{}, errNotUnderstood
}

// clock is hours, minutes and seconds.
var clock = regexp.MustCompile(`^(?:(\d{1,2}):)?(\d{1,2}):(\d{2})$`)

// readDuration reads seconds ("95", "95.2"), a clock ("1:35", "00:01:35") or Go's notation ("1m35s").
func readDuration(_ *Resolver, raw string) (string, error) {
	sec, err := strconv.ParseFloat(raw, 64)
	if err != nil {
		if m := clock.FindStringSubmatch(raw); m != nil {
			h, _ := strconv.Atoi("0" + m[1])
			min, _ := strconv.Atoi(m[2])
			s, _ := strconv.Atoi(m[3])
			sec = float64(h*3600 + min*60 + s)
		} else if d, err := time.ParseDuration(raw); err == nil {
			sec = d.Seconds()
		} else {
			return "", errNotUnderstood
		}
	}
	if !(sec >= 0 && sec < 7*86400) {
		return "", errNotUnderstood
	}
	return strconv.FormatFloat(sec, 'f', -1, 64), nil
}
