// Package whisper transcribes speech with whisper.cpp on this machine. It is the only package with cgo.
package whisper
