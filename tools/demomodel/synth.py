"""Synthesise sentences with espeak-ng (in process) and store un-clamped log10-mel features.

usage: synth.py --text FILE --out PREFIX [--seed N] [--from A] [--to B]
Writes PREFIX.mel (float16, [frames, 80]) and PREFIX.jsonl (one object per clip).
The labels come from espeak-ng itself: start of every character, phoneme and tone per 20 ms.
"""
import argparse
import ctypes as C
import json
import random
import re
import numpy as np
from scipy import signal
from vocab import MODEL, Tokenizer, is_han, han_only

# espeak-ng 1.51: the voice 'cmn' reads most characters as English letters, 'cmn-latn-pinyin' reads Mandarin
BASE = 'cmn-latn-pinyin'
VARIANTS = ['f1', 'f2', 'f2', 'f3', 'f4', 'f4', 'f5', 'm3']


class _U(C.Union):
    _fields_ = [('number', C.c_int), ('name', C.c_char_p), ('string', C.c_char * 8)]


class _Ev(C.Structure):
    _fields_ = [('type', C.c_int), ('uid', C.c_uint), ('text_position', C.c_int), ('length', C.c_int),
                ('audio_position', C.c_int), ('sample', C.c_int), ('user', C.c_void_p), ('id', _U)]


class Espeak:
    def __init__(self):
        self.L = C.CDLL('libespeak-ng.so.1')
        self.rate = self.L.espeak_Initialize(2, 400, None, 1)
        self.buf, self.evs = [], []
        cbt = C.CFUNCTYPE(C.c_int, C.POINTER(C.c_short), C.c_int, C.POINTER(_Ev))

        def cb(w, n, e):
            if w and n > 0:
                self.buf.append(C.string_at(w, n * 2))
            i = 0
            while e[i].type:
                if e[i].type in (1, 7):
                    self.evs.append((e[i].type, e[i].sample, e[i].id.string if e[i].type == 7 else b''))
                i += 1
            return 0
        self.cb = cbt(cb)
        self.L.espeak_SetSynthCallback(self.cb)
        self.L.espeak_TextToPhonemes.restype = C.c_char_p
        self.voice = None

    def say(self, text, variant, speed, pitch, rng_):
        name = BASE + ('+' + variant if variant else '')
        if name != self.voice:
            self.L.espeak_SetVoiceByName(name.encode())
            self.voice = name
        self.L.espeak_SetParameter(1, speed, 0)
        self.L.espeak_SetParameter(3, pitch, 0)
        self.L.espeak_SetParameter(4, rng_, 0)
        self.buf, self.evs = [], []
        b = text.encode() + b'\0'
        self.L.espeak_Synth(b, len(b), 0, 1, 0, 1, None, None)
        return np.frombuffer(b''.join(self.buf), dtype='<i2').astype(np.float32) / 32768, self.evs

    def tones(self, text):
        b = C.create_string_buffer(text.encode() + b'\0')
        p = C.c_void_p(C.addressof(b))
        out = ''
        while p.value:
            r = self.L.espeak_TextToPhonemes(C.byref(p), 1, 0)
            out += (r or b'').decode('utf-8', 'replace') + ' '
        # one tone number per syllable
        syl = [x for x in re.split(r'_\||\s+', out) if x.strip("_:' ")]
        return [(re.findall(r'\d+', x) or ['0'])[-1] for x in syl]


SOS = signal.butter(4, [300, 3400], btype='band', fs=8000, output='sos')


def alaw(x):
    a = 87.6
    y = np.where(np.abs(x) < 1 / a, a * np.abs(x), 1 + np.log(np.maximum(a * np.abs(x), 1e-9))) / (1 + np.log(a))
    y = np.round(y * 127) / 127
    k = 1 + np.log(a)
    return np.sign(x) * np.where(y < 1 / k, y * k / a, np.exp(y * k - 1) / a)


def ulaw(x):
    y = np.round(np.log1p(255 * np.abs(x)) / np.log(256) * 127) / 127
    return np.sign(x) * (np.power(256.0, y) - 1) / 255


def to_wide(x, rate):
    return signal.resample_poly(x, 320, 441).astype(np.float32)


def to_tel(x, rate, rnd, gain=1.0):
    y = signal.resample_poly(x, 160, 441)
    if rnd.random() < 0.7:
        y = signal.sosfilt(SOS, y)
    y = np.clip(y * gain, -1, 1)
    c = rnd.random()
    y = alaw(y) if c < 0.45 else ulaw(y) if c < 0.7 else y
    y = y / gain
    if rnd.random() < 0.3:      # a resampler that interpolates linearly leaves images above 4 kHz
        t = np.arange(len(y) * 2) / 2.0
        return np.interp(t, np.arange(len(y)), y).astype(np.float32)
    return signal.resample_poly(y, 2, 1).astype(np.float32)


HANN = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)).astype(np.float32)


def logmel(x, filt):
    """log10 mel power, no clamping, [frames, 80]; frame i is centred on sample 160*i, as in whisper.cpp."""
    n = len(x) // 160
    p = np.concatenate([np.zeros(200, np.float32), x, np.zeros(400, np.float32)])
    fr = np.lib.stride_tricks.sliding_window_view(p, 400)[:n * 160:160] * HANN
    s = np.fft.rfft(fr, axis=1)
    pw = (s.real ** 2 + s.imag ** 2).astype(np.float32)
    return np.log10(np.maximum(pw @ filt.T, 1e-10))


def main():
    ap = argparse.ArgumentParser()
    for a in ('--text', '--out'):
        ap.add_argument(a, required=True)
    ap.add_argument('--vocab-model', default=MODEL, help='ggml model whose vocabulary and mel filters are used')
    ap.add_argument('--seed', type=int, default=1)
    ap.add_argument('--from', type=int, default=0, dest='a')
    ap.add_argument('--to', type=int, default=1 << 30, dest='b')
    ar = ap.parse_args()
    tok = Tokenizer(ar.vocab_model)
    rnd = random.Random(ar.seed)
    es = Espeak()
    fm = open(ar.out + '.mel', 'wb')
    fj = open(ar.out + '.jsonl', 'w')
    off = 0
    lines = open(ar.text, encoding='utf-8').read().split('\n')[ar.a:ar.b]
    skipped = 0
    for li, text in enumerate(lines):
        if not text:
            continue
        v = rnd.choice(VARIANTS)
        speed, pitch, rg = rnd.randint(150, 190), rnd.randint(45, 75), rnd.randint(40, 65)
        x, ev = es.say(text, v, speed, pitch, rg)
        han = han_only(text)
        # syllables end with the phoneme '_|'; word events miss characters that espeak-ng groups into words
        ws, new = [], True
        for t, s, q in ev:
            if t == 7:
                if q[:1] == b'_':
                    new = True
                elif new:
                    ws.append(s)
                    new = False
        if len(ws) != len(han) or len(x) < 3000:
            skipped += 1
            continue
        tn = es.tones(text)
        tn = [int(t) for t in tn] if len(tn) == len(han) else [-1] * len(han)
        peak = np.abs(x).max()
        if peak < 0.01:
            skipped += 1
            continue
        nz = np.nonzero(np.abs(x) > 0.01 * peak)[0]
        beg, end = nz[0] / 22050, (nz[-1] + 1) / 22050
        x = x[:min(len(x), nz[-1] + 2205)] * (0.5 / peak)
        tel = rnd.random() < 0.5
        y = to_tel(x, 22050, rnd, rnd.uniform(0.3, 1.6)) if tel else to_wide(x, 22050)
        m = logmel(y, tok.filters).astype(np.float16)
        ph = [(s / 22050, p.decode('utf-8', 'replace')) for t, s, p in ev if t == 7]
        fm.write(m.tobytes())
        fj.write(json.dumps({'o': off, 'n': len(m), 't': text, 'tel': int(tel), 'v': v,
                             'c': [round(s / 22050, 3) for s in ws], 'b': round(beg, 3), 'e': round(end, 3),
                             'ph': [[round(a, 3), b] for a, b in ph], 'tn': tn}, ensure_ascii=False) + '\n')
        off += len(m)
        if li % 500 == 499:
            fm.flush()
            fj.flush()
    fm.close()
    fj.close()
    print('clips', li + 1 - skipped, 'skipped', skipped, 'hours', off / 360000)


if __name__ == '__main__':
    main()
