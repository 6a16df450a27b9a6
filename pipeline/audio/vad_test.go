package audio_test

import (
	"testing"

	"github.com/speechqa/speechqa/pipeline/audio"
	"github.com/speechqa/speechqa/pipeline/audio/audiotest"
)

func TestEnergyVAD(t *testing.T) { audiotest.VAD(t, audio.EnergyVAD{}) }
