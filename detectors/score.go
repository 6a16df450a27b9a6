package detectors

import "github.com/speechqa/speechqa/lexicon"

// Grade turns findings into 0..100: those found, or those that still stand after people have judged. Doubtful and
// shadow findings don't count.
func Grade(sc *lexicon.Scoring, findings []Finding) (score int, fatal bool) {
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
