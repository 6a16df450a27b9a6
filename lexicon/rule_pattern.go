package lexicon

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Phrase is one phrase of a set, as written, with its place for messages.
type Phrase struct {
	Text  string
	Sound SoundMark
	File  string
	Line  int
}

// SoundMark says whether a phrase may be heard by sound.
type SoundMark int

// Marks. The default lets length decide.
const (
	SoundAuto  SoundMark = iota
	SoundShort           // "~" after a phrase: by sound although it is short
	SoundNever           // "=" after a phrase: by character only
)

// Set is a group of phrases that are interchangeable in a pattern.
type Set struct {
	Name     string
	Phrases  []Phrase
	Blockers []Phrase // "!phrase": a hit inside one of these does not count
	Entities []string // amount, date, clock, digits, bank, workid, question
	Regexes  []*regexp.Regexp
}

// Elem is one element of a sequence.
type Elem struct {
	Set      *Set
	Gap      int // at most this many characters after the previous element
	Optional bool
	Start    bool // ^: at the beginning of an utterance, Gap characters in at most
	End      bool // $: at the end of an utterance
}

// Seq is elements in order.
type Seq []Elem

// Pattern is a compiled line of a rule: sequences that meet in any order.
type Pattern struct {
	Source string
	Seqs   []Seq
	Window int // characters that all sequences must fit in; 0 = the same utterance
	File   string
	Line   int
}

// Entities that patterns may name in angle brackets.
var entityNames = []string{"amount", "date", "clock", "digits", "number", "bank", "workid", "question"}

// Gaps of patterns, in characters of normalised text.
const (
	DefaultGap    = 6  // ".." without a number
	DefaultWindow = 30 // "&" without a number
	maxGap        = 200
)

// patternParser reads one pattern.
//
//	pattern  = seq { ("&" [N] | "&&") seq }
//	seq      = ["^" [".." [N]]] elem { [".." [N]] elem } ["$"]
//	elem     = ( literal | "[" alt { "|" alt } "]" | "{" set "}" | "@" list | "<" entity ">" | "/" regexp "/" ) ["?"]
type patternParser struct {
	src     string
	pos     int
	resolve func(kind, name string) (*Set, error) // kind: set | list
	file    string
	line    int
}

func parsePattern(src, file string, line int, resolve func(kind, name string) (*Set, error)) (*Pattern, error) {
	p := &patternParser{src: src, resolve: resolve, file: file, line: line}
	pat := &Pattern{Source: src, File: file, Line: line, Window: DefaultWindow}
	var seq Seq
	gap, haveElem, start := 0, false, false
	flush := func() error {
		if len(seq) == 0 {
			return fmt.Errorf("an empty part beside &")
		}
		required := 0
		for _, e := range seq {
			if !e.Optional {
				required++
			}
		}
		if required == 0 {
			return fmt.Errorf("every element is optional")
		}
		pat.Seqs = append(pat.Seqs, seq)
		seq, gap, haveElem, start = nil, 0, false, false
		return nil
	}
	for {
		p.space()
		if p.pos >= len(p.src) {
			break
		}
		switch c := p.src[p.pos]; {
		case c == '&':
			if err := flush(); err != nil {
				return nil, err
			}
			p.pos++
			if p.pos < len(p.src) && p.src[p.pos] == '&' {
				p.pos++
				pat.Window = 0
			} else if n, ok := p.number(); ok {
				pat.Window = n
			}
		case c == '^':
			if haveElem {
				return nil, fmt.Errorf("^ belongs at the beginning")
			}
			start = true
			p.pos++
		case c == '$':
			if !haveElem {
				return nil, fmt.Errorf("$ belongs at the end")
			}
			seq[len(seq)-1].End = true
			p.pos++
		case strings.HasPrefix(p.src[p.pos:], ".."):
			if !haveElem && !start {
				return nil, fmt.Errorf(".. needs something before it")
			}
			p.pos += 2
			gap = DefaultGap
			if n, ok := p.number(); ok {
				gap = n
			} else if rest := strings.TrimLeft(p.src[p.pos:], " "); rest != "" && rest[0] >= '0' && rest[0] <= '9' {
				return nil, fmt.Errorf("write the number right after the dots: ..%s", rest)
			}
			if gap > maxGap {
				return nil, fmt.Errorf("a gap of %d characters is more than %d", gap, maxGap)
			}
		default:
			set, err := p.elem()
			if err != nil {
				return nil, err
			}
			e := Elem{Set: set, Gap: gap, Start: start}
			if p.pos < len(p.src) && p.src[p.pos] == '?' {
				e.Optional = true
				p.pos++
			}
			seq = append(seq, e)
			gap, haveElem, start = 0, true, false
		}
	}
	if err := flush(); err != nil {
		return nil, err
	}
	return pat, nil
}

func (p *patternParser) space() {
	for p.pos < len(p.src) && (p.src[p.pos] == ' ' || p.src[p.pos] == '\t') {
		p.pos++
	}
}

func (p *patternParser) number() (int, bool) {
	i := p.pos
	for i < len(p.src) && p.src[i] >= '0' && p.src[i] <= '9' {
		i++
	}
	if i == p.pos || i-p.pos > 4 {
		return 0, false
	}
	n, _ := strconv.Atoi(p.src[p.pos:i])
	p.pos = i
	return n, true
}

func (p *patternParser) until(close byte) (string, error) {
	open := p.src[p.pos]
	end := strings.IndexByte(p.src[p.pos+1:], close)
	if end < 0 {
		return "", fmt.Errorf("%q is never closed with %q", string(open), string(close))
	}
	s := p.src[p.pos+1 : p.pos+1+end]
	p.pos += end + 2
	return s, nil
}

func (p *patternParser) elem() (*Set, error) {
	switch p.src[p.pos] {
	case '[':
		body, err := p.until(']')
		if err != nil {
			return nil, err
		}
		set := &Set{Name: "[" + body + "]"}
		for _, alt := range strings.Split(body, "|") {
			if err := addToSet(set, strings.TrimSpace(alt), p.file, p.line, p.resolve); err != nil {
				return nil, err
			}
		}
		return set, nil
	case '{':
		name, err := p.until('}')
		if err != nil {
			return nil, err
		}
		return p.resolve("set", strings.TrimSpace(name))
	case '<':
		name, err := p.until('>')
		if err != nil {
			return nil, err
		}
		set := &Set{Name: "<" + name + ">"}
		return set, addToSet(set, "<"+name+">", p.file, p.line, p.resolve)
	case '/':
		body, err := p.until('/')
		if err != nil {
			return nil, err
		}
		set := &Set{Name: "/" + body + "/"}
		return set, addToSet(set, "/"+body+"/", p.file, p.line, p.resolve)
	case '@':
		i := p.pos + 1
		for i < len(p.src) && isListChar(p.src[i]) {
			i++
		}
		name := p.src[p.pos+1 : i]
		p.pos = i
		return p.resolve("list", name)
	case ']', '}', '>', '|', '!', '~', '=':
		return nil, fmt.Errorf("unexpected %q", string(p.src[p.pos]))
	}
	i := p.pos
	for i < len(p.src) && !strings.ContainsRune("[]{}<>|@&^$?/!~= \t", rune(p.src[i])) && !strings.HasPrefix(p.src[i:], "..") {
		i++
	}
	text := p.src[p.pos:i]
	p.pos = i
	set := &Set{Name: text}
	return set, addToSet(set, text, p.file, p.line, p.resolve)
}

func isListChar(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
}

// addToSet reads one item of a set: a phrase, "!phrase", "@list", "{set}", "<entity>" or "/regexp/".
func addToSet(set *Set, item, file string, line int, resolve func(kind, name string) (*Set, error)) error {
	switch {
	case item == "":
		return fmt.Errorf("an empty phrase")
	case strings.HasPrefix(item, "@"), strings.HasPrefix(item, "{") && strings.HasSuffix(item, "}"):
		kind, name := "list", strings.TrimPrefix(item, "@")
		if item[0] == '{' {
			kind, name = "set", item[1:len(item)-1]
		}
		other, err := resolve(kind, name)
		if err != nil {
			return err
		}
		set.Phrases = append(set.Phrases, other.Phrases...)
		set.Blockers = append(set.Blockers, other.Blockers...)
		set.Entities = append(set.Entities, other.Entities...)
		set.Regexes = append(set.Regexes, other.Regexes...)
		return nil
	case strings.HasPrefix(item, "<") && strings.HasSuffix(item, ">"):
		name := item[1 : len(item)-1]
		for _, e := range entityNames {
			if e == name {
				set.Entities = append(set.Entities, name)
				return nil
			}
		}
		return fmt.Errorf("no entity <%s>%s", name, suggest(name, entityNames))
	case len(item) > 2 && strings.HasPrefix(item, "/") && strings.HasSuffix(item, "/"):
		re, err := regexp.Compile(item[1 : len(item)-1])
		if err != nil {
			return fmt.Errorf("regular expression: %w", err)
		}
		if re.MatchString("") {
			return fmt.Errorf("the regular expression %s matches the empty text", item)
		}
		set.Regexes = append(set.Regexes, re)
		return nil
	}
	ph := Phrase{Text: item, File: file, Line: line}
	blocker := false
	if strings.HasPrefix(item, "!") {
		blocker, ph.Text = true, strings.TrimSpace(item[1:])
	}
	if t, ok := strings.CutSuffix(ph.Text, "~"); ok {
		ph.Text, ph.Sound = strings.TrimSpace(t), SoundShort
	} else if t, ok := strings.CutSuffix(ph.Text, "="); ok {
		ph.Text, ph.Sound = strings.TrimSpace(t), SoundNever
	}
	if ph.Text == "" || !utf8.ValidString(ph.Text) {
		return fmt.Errorf("an empty phrase")
	}
	if strings.ContainsAny(ph.Text, "[]{}<>|@&^$?/!~=*") {
		return fmt.Errorf("the phrase %q holds a sign that only patterns may use", ph.Text)
	}
	if blocker {
		set.Blockers = append(set.Blockers, ph)
	} else {
		set.Phrases = append(set.Phrases, ph)
	}
	return nil
}
