"""Whisper vocabulary as stored in a ggml model file, and the tokenisation used for the demo model.

Text is tokenised one character at a time: a character that is one token in the vocabulary becomes that
token, any other becomes its byte-level BPE pieces (token id = merge rank).  whisper.cpp only
concatenates token strings, so every segmentation gives the same text.
"""
import os
import struct

EOT, SOT, ZH, TRANSLATE, TRANSCRIBE, SOLM, PREV, NOSP, NOT, BEG = (
    50257, 50258, 50260, 50358, 50359, 50360, 50361, 50362, 50363, 50364)
N_VOCAB = 51865

# half-width punctuation in hand-written text -> the full-width form used in transcripts
FULL = str.maketrans({',': '\uff0c', '?': '\uff1f', '!': '\uff01', ':': '\uff1a', ';': '\uff1b'})
PUNCT = '\uff0c\u3002\uff1f\uff01\u3001\uff1a\uff1b'


def is_han(c):
    return '\u4e00' <= c <= '\u9fff'


def han_only(s):
    return ''.join(c for c in s if is_han(c))


MODEL = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'testdata', 'model', 'ggml-demo-zh.bin')


def read_header(path):
    """Returns (hparams tuple without magic, raw bytes of mel filters + vocab section, filters, tokens)."""
    import numpy as np
    d = open(path, 'rb').read()
    h = struct.unpack('12i', d[:48])
    assert h[0] == 0x67676d6c, path + ' is no ggml model'
    nm, nf = struct.unpack('2i', d[48:56])
    filt = np.frombuffer(d, dtype='<f4', count=nm * nf, offset=56).reshape(nm, nf).copy()
    o = 56 + nm * nf * 4
    nv, = struct.unpack('i', d[o:o + 4])
    o += 4
    toks = []
    for _ in range(nv):
        n, = struct.unpack('I', d[o:o + 4])
        o += 4
        toks.append(d[o:o + n])
        o += n
    return h[1:], d[48:o], filt, toks


class Tokenizer:
    """path: a multilingual ggml model file, for its vocabulary and mel filters; its weights are not read.

    The vocab-only test models of whisper.cpp will not do: they hold U+FFFD in place of incomplete UTF-8."""

    def __init__(self, path):
        self.hparams, self.section, self.filters, self.tokens = read_header(path)
        self.rank = {}
        for i, t in enumerate(self.tokens):
            if t and t not in self.rank:
                self.rank[t] = i
        self.cache = {}

    def char(self, c):
        r = self.cache.get(c)
        if r is None:
            b = c.encode('utf-8')
            if b in self.rank:
                r = [self.rank[b]]
            else:
                parts = [b[i:i + 1] for i in range(len(b))]
                while len(parts) > 1:
                    best = min(((self.rank.get(parts[i] + parts[i + 1], 1 << 30), i)
                                for i in range(len(parts) - 1)))
                    if best[0] == 1 << 30:
                        break
                    i = best[1]
                    parts[i:i + 2] = [parts[i] + parts[i + 1]]
                r = [self.rank[p] for p in parts]
            self.cache[c] = r
        return r

    def encode(self, s):
        out = []
        for c in s:
            out += self.char(c)
        return out

    def decode(self, ids):
        return b''.join(self.tokens[i] for i in ids if i < len(self.tokens)).decode('utf-8', 'replace')
