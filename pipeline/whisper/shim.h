// What whisper.cpp's Go binding does not expose: a state per call, the abort callback, beam search,
// non-speech suppression, device flags, the log, and the Silero voice detector.
#ifndef SPEECHQA_WHISPER_SHIM_H
#define SPEECHQA_WHISPER_SHIM_H

#include <stdbool.h>
#include <stdint.h>
#include <whisper.h>

// sq_params are the decoding parameters this program sets; everything else keeps whisper.cpp's default.
typedef struct {
    int          threads;
    int          beam;            // 0 = greedy
    int          best_of;         // candidates when a temperature > 0 samples
    int          max_tokens;      // per segment; 0 = no limit
    int          audio_ctx;       // encoder frames of 20 ms; 0 = all 1500
    float        temperature;
    float        temperature_inc; // 0 = no fall-back
    float        entropy_thold;
    float        logprob_thold;
    float        max_initial_ts;  // seconds
    bool         suppress_nst;
    const char * language;        // "auto" detects
    const char * prompt;          // may be NULL
} sq_params;

// sq_token is one text token of a result. Times are centiseconds of the samples given.
typedef struct {
    const char * text;
    float        p;
    int64_t      t0;
    int64_t      t1;
    bool         special;
} sq_token;

// sq_account is what a call did. Times are nanoseconds of the process's processor time.
typedef struct {
    int     encoded;  // stretches of up to 30 s given to the encoder
    int     attempts; // at decoding them: one each, and one more for every fall-back to a higher temperature
    int64_t prepare;  // the mel spectrum and the signal's energy
    int64_t encode;   // the encoder, and the decoder's first pass over what goes before the text
    int64_t decode;   // everything after that: token by token, fall-backs, the tokens' times
} sq_account;

void sq_start(bool verbose);
struct whisper_context * sq_load(const char * path, bool use_gpu, bool flash_attn, int gpu_device);
int  sq_full(struct whisper_context * ctx, struct whisper_state * state, const sq_params * p,
             const float * samples, int n, const int32_t * abort_flag, sq_account * account);
sq_token sq_get_token(struct whisper_context * ctx, struct whisper_state * state, int segment, int token);

struct whisper_vad_context * sq_vad_load(const char * path, int threads);
struct whisper_vad_segments * sq_vad_run(struct whisper_vad_context * vad, const float * samples, int n,
                                         float threshold, int min_speech_ms, int min_silence_ms, int pad_ms);

#endif
