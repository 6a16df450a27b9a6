package detectors

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
)

// FindingKey identifies a finding across rescans: a hash of the recording, the rule, the matched text and
// the how-manieth occurrence of that text it is. It never depends on row positions, so a reviewer's decision
// stays with its finding when other findings come and go.
func FindingKey(recording, rule, text string, occurrence int) string {
	h := sha256.New()
	for _, part := range []string{recording, rule, text, strconv.Itoa(occurrence)} {
		h.Write([]byte(strconv.Itoa(len(part))))
		h.Write([]byte{':'})
		h.Write([]byte(part))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
