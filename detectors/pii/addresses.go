package pii

import (
	"regexp"
	"strings"
)

const (
	number  = `(?:[0-9]+|[零〇一二两三四五六七八九十百]+|[a-z]|[甲乙丙丁东西南北])` // of a house or a flat
	detail  = number + `(?:号楼|号院|号铺|号店|号|栋|幢|座|单元|室|房|组|弄|楼|层|门|户)`
	firm    = number + `(?:号楼|号院|栋|幢|座|单元)` // says by itself that it is a part of an address
	rest    = `(?:` + detail + `|[东西南北]侧|地铺|附` + number + `|之` + number + `|-)*(?:[0-9]{2,4}|[零〇一二两三四五六七八九幺]{3,4})?(?:室|号|房)?`
	place   = `[\p{Han}a-z]{1,20}?`
	strong  = `(?:街道|大街|胡同|新村|花园|小区|家园|公寓|大厦|广场|大道|路|街|巷|村|镇|乡|弄|苑|庄|屯|县|区|市|店|厂|组|队)`
	weak    = `(?:[里城园居府湾洲庭坊寨岗坡沟洋院])`
	region  = `(?:省|自治区|市|区|县|旗|镇|乡)`
	near    = `(?:那边|附近|旁边|对面|那里|那儿|这边)?`
	homeCue = `(?:住在|住址是|住址|家住|家在|地址是|地址在|地址|老家在|老家是|户籍地址|户籍在|户籍|户口在|搬到|搬去|位于|单位在|公司在)`
)

var (
	house    = regexp.MustCompile(place + strong + near + `(?:` + detail + `)` + rest)
	yard     = regexp.MustCompile(place + weak + `(?:` + firm + `|` + number + `号(?:` + detail + `|[0-9]{2,4}))` + rest)
	flat     = regexp.MustCompile(`(?:[0-9]+|[零〇一二两三四五六七八九十]+)(?:号楼|栋|幢|单元)` + rest + `|[0-9]+座[0-9]+室?|[a-z]座[0-9]+室?`)
	province = regexp.MustCompile(`[\p{Han}]{1,6}?(?:省|市|自治区)[\p{Han}]{1,6}?` + region + `(?:[\p{Han}]{1,8}?(?:路|街|大道|镇|村|街道|小区))?`)
	atHome   = regexp.MustCompile(homeCue + `(?:是|在|为|就在|,|:)?([\p{Han}a-z0-9]{1,14}(?:省|市|区|县|镇|乡|村|街道|街|路|大道|巷|里|苑|花园|小区|家园|公寓|大厦|屯|庄|园|城))`)
	district = regexp.MustCompile(`[\p{Han}]{1,4}?[区县镇](?:[\p{Han}]{1,6}?(?:路|街|大道|村|街道|巷))`)
	// lead is what a sentence says before an address; it is no part of it.
	lead = regexp.MustCompile(`^.*(?:住在|住址是|地址是|地址在|地址|家住|家在|老家在|户籍|位于|来到|到达|抵达|搬到|搬去|登记的|送到|寄到|离开|前往|是在|就是|不是|现在|我们在|我在|你在|他在|住处|客户|在|到了|到|去|往|是|的)`)
)

// marks are characters of which every match of a pattern has one; without any, the pattern need not be tried.
var marks = map[*regexp.Regexp]string{house: "号栋幢座元室房组弄楼层门户", yard: "号栋幢座元", province: "省市区", district: "区县镇"}

// addresses finds places down to a street or a house.
func (l *line) addresses() []Span {
	var out []Span
	for _, p := range []*regexp.Regexp{house, yard, province, district} {
		if !strings.ContainsAny(l.plain, marks[p]) {
			continue
		}
		for m := range l.matches(p) {
			from := m[0]
			if cut := lead.FindString(l.string(from, m[1])); cut != "" {
				n := len([]rune(cut))
				if m[1]-from-n >= 3 {
					from += n
				}
			}
			if m[1]-from >= 4 || p == house {
				out = append(out, l.span(from, m[1], KindAddress))
			}
		}
	}
	for m := range l.matches(flat) {
		out = append(out, l.span(m[0], m[1], KindAddress))
	}
	for m := range l.matches(atHome) {
		out = append(out, l.span(m[2], m[3], KindAddress))
	}
	return out
}
