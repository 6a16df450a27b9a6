package audio

import "context"

// VAD finds speech. Implementations are safe for concurrent use; audiotest.VAD is what they must fulfil.
type VAD interface {
	// Regions returns the stretches of speech on one channel in order of time, without overlap, within the
	// recording.
	Regions(ctx context.Context, rec *Recording, channel int) ([]Region, error)
}
