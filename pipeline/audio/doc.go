// Package audio turns any recording into one 16 kHz PCM stream per channel and measures it.
package audio
