// Package detectors turns what was said in a recording into findings and a score.
//
// It is pure: no clock, no SQL, no network, no cgo. The same conversation and the same ruleset give the same
// findings on every machine, which is what makes a finding provable years later.
package detectors
