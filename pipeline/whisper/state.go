package whisper

/*
#include "shim.h"
*/
import "C"

import (
	"errors"
	"time"
)

// keptState is whisper.cpp's decoding state, tens of megabytes and some milliseconds to make, kept from call to call
// as long as nothing of one call can be seen in the next.
//
// What is left in a state after a call: the random generator of sampled attempts, so a state that sampled is not
// used again (nor one whose call failed or was aborted); and the encoder's output. Flash attention looks at it in
// steps of 256 frames, so beyond the end of a shorter context it would see what a longer one left there; with flash
// attention a state is therefore used again only for the same context.
type keptState struct {
	state    *C.struct_whisper_state
	audioCtx int // of the calls it was used for
}

// fresh returns a state in which nothing of an earlier call can be seen. It stays the property of k.
func (k *keptState) fresh(ctx *C.struct_whisper_context, flash bool, audioCtx int) (*C.struct_whisper_state, error) {
	if flash && audioCtx != k.audioCtx {
		k.drop()
	}
	k.audioCtx = audioCtx
	if k.state == nil {
		if k.state = C.whisper_init_state(ctx); k.state == nil {
			return nil, errors.New("whisper.cpp cannot allocate a decoding state: out of memory")
		}
	}
	return k.state, nil
}

// drop frees the state; the next call gets a new one.
func (k *keptState) drop() {
	if k.state != nil {
		C.whisper_free_state(k.state)
		k.state = nil
	}
}

// account is what an engine's calls did and where their processor time went.
type account struct {
	encoded  int // stretches of up to 30 s given to the encoder
	attempts int // at decoding them; above encoded: fall-backs to a higher temperature
	// prepare: mel spectrum, energy. encode: encoder and the decoder's first pass. decode: token by token, and the
	// tokens' times. Making states is in none of them.
	prepare, encode, decode time.Duration
}

func accountOf(c C.sq_account) account {
	return account{
		encoded:  int(c.encoded),
		attempts: int(c.attempts),
		prepare:  time.Duration(c.prepare),
		encode:   time.Duration(c.encode),
		decode:   time.Duration(c.decode),
	}
}

func (a *account) join(b account) {
	a.encoded += b.encoded
	a.attempts += b.attempts
	a.prepare += b.prepare
	a.encode += b.encode
	a.decode += b.decode
}
