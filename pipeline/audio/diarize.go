package audio

import "context"

// Turn is a stretch in which one voice speaks.
type Turn struct {
	Start, End float64 // seconds
	Speaker    int     // 0, 1, … in the order in which the voices are first heard
	// Confidence is how sure Speaker is against the other voices, 0..1. It says nothing about who the voice
	// is.
	Confidence float64
}

// Parameters of Diarize.
const (
	turnPause   = 0.20 // seconds of quiet after which another may speak
	pieceMax    = 2.5  // seconds; longer stretches are cut at their weakest point
	pieceMin    = 0.5  // seconds; shorter ones are not cut off
	priorFrames = 30   // weight of the common covariance in a voice's
	pitchSpread = 0.45 // natural logarithm: the pitch of one person within a piece, less than an octave
	mostTold    = 3.0  // log-likelihood ratio that one hop may bring
	independent = 0.12 // share of the frames that count: neighbours say much the same
	// Chances that the voice changes between two units: without a pause, at a short dip, after a pause.
	changeInFlow     = 0.002
	changeAtDip      = 0.05
	changeAfterPause = 0.40
	refits           = 2    // times that voices are fitted anew to the turns found
	fitFrom          = 0.8  // to what is theirs with this probability
	minGain          = 0.35 // log-likelihood per frame that a further voice must explain
	// Separation of the two most alike voices: one person dealt to two has 2 to 3, two persons have 5 to 50.
	minApart     = 4.0
	certainApart = 8.0
	// certainAtMost bounds the confidence at minApart, and where one voice only could be made out: the other may
	// have said too little or sound the same.
	certainAtMost = 0.5
)

// Diarize tells the voices on one channel apart: at most maxSpeakers, in the given regions of speech.
//
// The regions are cut at pauses into pieces that one person speaks. Every voiced frame of a piece yields twelve
// cepstra and the logarithm of the pitch; a voice is a normal distribution of these with full covariance. Pieces
// are dealt to voices so that the likelihood of all frames is greatest (k-means with normal distributions, from
// several deterministic starts), as in clustering by the Bayesian information criterion (Chen and Gopalakrishnan
// 1998); a further voice must explain minGain more per frame and be minApart from the others. Then a hidden Markov
// model over units of a quarter of a second, in which the voice seldom changes without a pause, yields who speaks
// when and how probable that is. Where the voices are hard to tell apart, or only one was found, no turn is certain.
func Diarize(ctx context.Context, rec *Recording, channel int, regions []Region, maxSpeakers int) ([]Turn, error) {
	pieces, err := cutPieces(ctx, rec, channel, regions)
	if err != nil || len(pieces) == 0 {
		return nil, err
	}
	voices := findVoices(pieces, max(1, maxSpeakers))
	if len(voices) == 0 {
		voices = make([]normal, 1) // whispered: nobody can be told apart
	}
	limit := certainty(pieces, voices)
	var units []unit
	for i := range pieces {
		units = append(units, pieces[i].units...)
	}
	return joinTurns(units, placeTurns(units, voices), limit), nil
}
