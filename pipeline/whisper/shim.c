#include "shim.h"

#include <ggml-backend.h>
#include <malloc.h>
#include <stdio.h>
#include <time.h>

static bool verbose_log;

// Warnings and errors go to the standard error stream, which the supervising process reads; the rest is noise
// unless asked for. A continued line belongs to the line before it.
static void log_line(enum ggml_log_level level, const char * text, void * user_data) {
    (void) user_data;
    static bool shown;
    if (level != GGML_LOG_LEVEL_CONT) {
        shown = verbose_log || level == GGML_LOG_LEVEL_WARN || level == GGML_LOG_LEVEL_ERROR;
    }
    if (shown) {
        fputs(text, stderr);
        fflush(stderr);
    }
}

// Every window has a state of its own, tens of megabytes that come and go on whatever thread Go runs the call. In
// glibc's default setting each thread's arena keeps what was freed and large blocks wander into the heaps, and the
// process grows with the number of windows. One arena, and large blocks mapped and unmapped, keep it flat.
static void bound_memory(void) {
#ifdef __GLIBC__
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
#endif
}

void sq_start(bool verbose) {
    bound_memory();
    verbose_log = verbose;
    whisper_log_set(log_line, NULL);
    ggml_log_set(log_line, NULL);
    ggml_backend_load_all();
}

struct whisper_context * sq_load(const char * path, bool use_gpu, bool flash_attn, int gpu_device) {
    struct whisper_context_params cp = whisper_context_default_params();
    cp.use_gpu    = use_gpu;
    cp.flash_attn = flash_attn;
    cp.gpu_device = gpu_device;
    return whisper_init_from_file_with_params_no_state(path, cp);
}

static bool aborted(void * flag) {
    return __atomic_load_n((const int32_t *) flag, __ATOMIC_RELAXED) != 0;
}

// call is one run of sq_full: what its callbacks need.
typedef struct {
    const int32_t * abort_flag;
    sq_account    * account;
    int64_t         since;    // when the present stage began
    bool            encoding; // the present stage is the encoder's
} call;

static int64_t processor_time(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t) t.tv_sec * 1000000000 + t.tv_nsec;
}

// stage adds the time of the stage that ends to *spent.
static void stage(call * c, int64_t * spent) {
    int64_t now = processor_time();
    *spent += now - c->since;
    c->since = now;
}

static bool encoder_may_begin(struct whisper_context * ctx, struct whisper_state * state, void * user_data) {
    (void) ctx;
    (void) state;
    call * c = user_data;
    stage(c, c->account->encoded == 0 ? &c->account->prepare : &c->account->decode);
    c->account->encoded++;
    c->encoding = true;
    return !aborted((void *) c->abort_flag);
}

// before_token is called before every token, possibly from several threads, but before the first token of an
// attempt only from the one that runs the call.
static void before_token(struct whisper_context * ctx, struct whisper_state * state, const whisper_token_data * tokens,
                         int n_tokens, float * logits, void * user_data) {
    (void) ctx;
    (void) state;
    (void) tokens;
    (void) logits;
    call * c = user_data;
    if (n_tokens > 0) {
        return;
    }
    c->account->attempts++;
    if (c->encoding) {
        stage(c, &c->account->encode);
        c->encoding = false;
    }
}

// whisper.cpp (1.9.5) takes the probability that nobody speaks from the logits' first row. Only the last row of the
// tokens before the text is computed, so the first holds nothing, or what an earlier call left there.
static const float NEVER = 2;

int sq_full(struct whisper_context * ctx, struct whisper_state * state, const sq_params * p,
            const float * samples, int n, const int32_t * abort_flag, sq_account * account) {
    call c = { .abort_flag = abort_flag, .account = account, .since = processor_time() };
    struct whisper_full_params wp = whisper_full_default_params(
        p->beam > 0 ? WHISPER_SAMPLING_BEAM_SEARCH : WHISPER_SAMPLING_GREEDY);
    wp.n_threads = p->threads;
    if (p->beam > 0) {
        wp.beam_search.beam_size = p->beam;
    }
    wp.greedy.best_of   = p->best_of;
    wp.max_tokens       = p->max_tokens;
    wp.audio_ctx        = p->audio_ctx;
    wp.temperature      = p->temperature;
    wp.temperature_inc  = p->temperature_inc;
    wp.entropy_thold    = p->entropy_thold;
    wp.logprob_thold    = p->logprob_thold;
    wp.no_speech_thold  = NEVER;
    wp.max_initial_ts   = p->max_initial_ts;
    wp.suppress_nst     = p->suppress_nst;
    wp.suppress_blank   = true;
    wp.language         = p->language;
    wp.initial_prompt   = p->prompt;
    wp.no_context       = true;
    wp.token_timestamps = true;
    wp.print_progress   = false;
    wp.print_realtime   = false;
    wp.print_special    = false;
    wp.print_timestamps = false;

    wp.abort_callback                   = aborted;
    wp.abort_callback_user_data         = (void *) abort_flag;
    wp.encoder_begin_callback           = encoder_may_begin;
    wp.encoder_begin_callback_user_data = &c;
    wp.logits_filter_callback           = before_token;
    wp.logits_filter_callback_user_data = &c;
    int rc = whisper_full_with_state(ctx, state, wp, samples, n);
    stage(&c, c.encoding ? &account->encode : &account->decode);
    return rc;
}

sq_token sq_get_token(struct whisper_context * ctx, struct whisper_state * state, int segment, int token) {
    whisper_token_data d = whisper_full_get_token_data_from_state(state, segment, token);
    sq_token t;
    t.text    = whisper_full_get_token_text_from_state(ctx, state, segment, token);
    t.p       = d.p;
    t.t0      = d.t0;
    t.t1      = d.t1;
    t.special = d.id >= whisper_token_eot(ctx);
    return t;
}

struct whisper_vad_context * sq_vad_load(const char * path, int threads) {
    struct whisper_vad_context_params cp = whisper_vad_default_context_params();
    cp.n_threads = threads;
    cp.use_gpu   = false; // a tiny recurrent network: the CPU is faster than the transfer
    return whisper_vad_init_from_file_with_params(path, cp);
}

struct whisper_vad_segments * sq_vad_run(struct whisper_vad_context * vad, const float * samples, int n,
                                         float threshold, int min_speech_ms, int min_silence_ms, int pad_ms) {
    struct whisper_vad_params vp = whisper_vad_default_params();
    vp.threshold               = threshold;
    vp.min_speech_duration_ms  = min_speech_ms;
    vp.min_silence_duration_ms = min_silence_ms;
    vp.speech_pad_ms           = pad_ms;
    return whisper_vad_segments_from_samples(vad, vp, samples, n);
}
