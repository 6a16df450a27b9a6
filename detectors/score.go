package detectors

import "github.com/speechqa/speechqa/lexicon"

// grade turns findings into 0..100. Doubtful and shadow findings don't count.
func grade(sc *lexicon.Scoring, findings []Finding) (score int, fatal bool) {
	lost := map[string]int{}
	for i := range findings {
		f := &findings[i]
		if f.Doubtful || f.Shadow {
			continue
		}
		p := sc.Rules[f.Rule]
		points := p.Points
		if points == 0 {
			points = sc.Points[string(f.Severity)]
		}
		lost[f.Rule] += points
		if p.Cap > 0 {
			lost[f.Rule] = min(lost[f.Rule], p.Cap)
		}
		fatal = fatal || p.Fatal
	}
	score = sc.Start
	for _, n := range lost {
		score -= n
	}
	if fatal {
		score = 0
	}
	return max(score, 0), fatal
}

// Rescore grades findings again, e.g. after a reviewer overturned some: pass those that still stand.
func Rescore(sc *lexicon.Scoring, findings []Finding) (score int, fatal bool) {
	return grade(sc, findings)
}
