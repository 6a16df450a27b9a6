"""Write a checkpoint as a whisper.cpp ggml model file.

usage: export.py --ckpt C --out FILE [--type f16|q8_0|q5_1|q5_0|q4_0]
Only 2-D weight matrices are quantised; convolutions stay f16, biases, norms and positions f32.
"""
import argparse
import struct
import numpy as np
import torch
from vocab import MODEL, Tokenizer

TYPES = {  # name: (ftype of the file, ggml type id)
    'f32': (0, 0), 'f16': (1, 1), 'q4_0': (2, 2), 'q8_0': (7, 8), 'q5_0': (8, 6), 'q5_1': (9, 7)}


def quantize(w, kind):
    x = np.ascontiguousarray(w, np.float32).reshape(-1, 32)
    n = len(x)
    if kind == 'q8_0':
        d = np.abs(x).max(1) / 127
        q = np.round(x / np.where(d == 0, 1, d)[:, None]).astype(np.int8)
        return np.concatenate([d.astype('<f2').view(np.uint8).reshape(n, 2), q.view(np.uint8)], 1).tobytes()
    if kind in ('q5_0', 'q4_0'):
        half = 16 if kind == 'q5_0' else 8
        i = np.abs(x).argmax(1)
        mx = x[np.arange(n), i]
        d = mx / -half
        q = np.clip(np.floor(x / np.where(d == 0, 1, d)[:, None] + half + 0.5), 0, 2 * half - 1).astype(np.uint8)
        hdr = [d.astype('<f2').view(np.uint8).reshape(n, 2)]
    else:                                               # q5_1
        mn, mx = x.min(1), x.max(1)
        d = (mx - mn) / 31
        q = np.clip(np.floor((x - mn[:, None]) / np.where(d == 0, 1, d)[:, None] + 0.5), 0, 31).astype(np.uint8)
        hdr = [np.stack([d, mn], 1).astype('<f2').view(np.uint8).reshape(n, 4)]
    lo = (q[:, :16] & 15) | ((q[:, 16:] & 15) << 4)
    if kind != 'q4_0':
        bits = ((q >> 4) & 1).astype(np.uint32)
        qh = (bits << np.arange(32, dtype=np.uint32)).sum(1, dtype=np.uint32)
        hdr.append(qh.astype('<u4').view(np.uint8).reshape(n, 4))
    return np.concatenate(hdr + [lo], 1).astype(np.uint8).tobytes()


def main():
    ap = argparse.ArgumentParser()
    for a in ('--ckpt', '--out'):
        ap.add_argument(a, required=True)
    ap.add_argument('--vocab-model', default=MODEL, help='ggml model whose vocabulary and mel filters are used')
    ap.add_argument('--type', default='q8_0', choices=list(TYPES))
    ar = ap.parse_args()
    tok = Tokenizer(ar.vocab_model)
    ck = torch.load(ar.ckpt, map_location='cpu')
    sd, c, ids = ck['net'], ck['cfg'], ck['ids']
    ftype, gtype = TYPES[ar.type]
    emb = sd['decoder.token_embedding.weight'].numpy()
    full = np.repeat(emb[-1:], 51865, 0)
    full[np.array(ids)] = emb[:-1]
    f = open(ar.out, 'wb')
    ver = 2000 if gtype > 1 else 0          # GGML_QNT_VERSION 2
    f.write(struct.pack('12i', 0x67676d6c, 51865, 1500, c['d'], c['h'], c['ne'], 448, c['d'], c['h'], c['nd'], 80, ver + ftype))
    f.write(tok.section)
    for k, v in sd.items():
        if k.startswith('head_'):
            continue
        a = v.numpy().astype(np.float32)
        if k == 'decoder.token_embedding.weight':
            a = full
        if k in ('encoder.conv1.bias', 'encoder.conv2.bias'):
            a = a.reshape(-1, 1)
        if k in ('encoder.conv1.weight', 'encoder.conv2.weight'):
            t, raw = 1, a.astype('<f2').tobytes()
        elif a.ndim == 2 and not k.endswith('.bias') and not k.endswith('positional_embedding') and gtype != 0:
            t = gtype
            raw = a.astype('<f2').tobytes() if gtype == 1 else quantize(a, ar.type)
        else:
            t, raw = 0, a.astype('<f4').tobytes()
        nm = k.encode()
        f.write(struct.pack('3i', a.ndim, len(nm), t))
        f.write(struct.pack('%di' % a.ndim, *reversed(a.shape)))
        f.write(nm)
        f.write(raw)
    f.close()


if __name__ == '__main__':
    main()
