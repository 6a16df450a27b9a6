// Package audiotest makes sound for tests with espeak-ng and sox, and holds the conformance suite for voice
// activity detectors.
package audiotest
