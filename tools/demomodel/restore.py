"""Read the weights of an exported ggml model back, so that training can go on where no checkpoint was kept.

What export.py drops is missing: the helper heads and the optimiser's state start anew, and quantised weights come
back as rounded as they are in the file."""
import struct
import numpy as np
import torch
from vocab import read_header

F32, F16, Q8_0 = 0, 1, 8


def weights(path, ids):
    """state dict for model.Whisper; ids: the tokens that training knows, all others share the last row"""
    d = open(path, 'rb').read()
    o = 48 + len(read_header(path)[1])
    out = {}
    while o < len(d):
        nd, nn, kind = struct.unpack_from('3i', d, o)
        shape = struct.unpack_from('%di' % nd, d, o + 12)[::-1]
        o += 12 + 4 * nd
        name = d[o:o + nn].decode()
        o += nn
        n = int(np.prod(shape))
        if kind == F32:
            a, size = np.frombuffer(d, '<f4', n, o), 4 * n
        elif kind == F16:
            a, size = np.frombuffer(d, '<f2', n, o), 2 * n
        elif kind == Q8_0:
            b = np.frombuffer(d, np.dtype([('d', '<f2'), ('q', 'i1', 32)]), n // 32, o)
            a, size = b['d'].astype(np.float32)[:, None] * b['q'], 34 * (n // 32)
        else:
            raise SystemExit('%s: %s is of type %d; export as f32, f16 or q8_0' % (path, name, kind))
        o += size
        a = a.astype(np.float32).reshape(shape)
        if name in ('encoder.conv1.bias', 'encoder.conv2.bias'):
            a = a.reshape(-1)
        if name == 'decoder.token_embedding.weight':
            unused = np.setdiff1d(np.arange(len(a)), ids)[0]
            a = np.concatenate([a[ids], a[unused:unused + 1]])
        out[name] = torch.from_numpy(a.copy())
    return out
