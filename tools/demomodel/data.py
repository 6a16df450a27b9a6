"""Training windows from cached clips: several utterances on a time line, noise, whisper.cpp's normalisation."""
import bisect
import glob
import json
import random
import numpy as np
from vocab import EOT, SOT, ZH, TRANSCRIBE, PREV, NOSP, NOT, BEG, is_han, PUNCT
import common_chars

GRID = 5          # timestamps on a 0.1 s grid (every fifth timestamp token)


class Vocab:
    """used token ids <-> training ids"""

    def __init__(self, tok):
        ids = set([EOT, SOT, ZH, TRANSCRIBE, PREV, NOSP, NOT])
        chars = set(common_chars.usable()) | set(PUNCT)
        for hi in range(0xb0, 0xd8):
            for lo in range(0xa1, 0xff):
                try:
                    chars.add(bytes([hi, lo]).decode('gb2312'))
                except UnicodeDecodeError:
                    pass
        for c in chars:
            ids.update(tok.char(c))
        ids = sorted(i for i in ids if i < BEG) + list(range(BEG, BEG + 1501))
        self.ids = ids
        self.map = {t: i for i, t in enumerate(ids)}
        self.n = len(ids)
        self.unused = self.n
        self.beg = self.map[BEG]
        self.tok = tok

    def text(self, s):
        """per character lists of training ids"""
        return [[self.map.get(t, self.unused) for t in self.tok.char(c)] for c in s]

    def ts(self, sec):
        return self.beg + GRID * int(min(300, max(0, round(sec * 50 / GRID))))


class Clips:
    def __init__(self, prefixes, vocab):
        self.v = vocab
        self.prefixes = prefixes
        self.items, self.seen, self.mm = [], {}, {}
        self.ph = {'_|': 1, '_:': 0, '_': 0}
        self.tone = {}
        self.rescan()

    def rescan(self):
        for p in self.prefixes:
            for f in sorted(glob.glob(p + '.jsonl')):
                base = f[:-6]
                data = open(f, 'rb').read()
                pos = self.seen.get(base, 0)
                last = data.rfind(b'\n') + 1
                mm = np.memmap(base + '.mel', dtype=np.float16, mode='r')
                mm = mm[:len(mm) // 80 * 80].reshape(-1, 80)
                self.mm[base] = mm
                for ln in data[pos:last].decode().splitlines():
                    d = json.loads(ln)
                    if d['o'] + d['n'] > len(mm):
                        break
                    d['f'] = base
                    d['dur'] = d['n'] / 100
                    for _, q in d['ph']:
                        if q not in self.ph and len(self.ph) < 96:
                            self.ph[q] = len(self.ph) - 1
                    for q in d['tn']:
                        if q not in self.tone and q >= 0 and len(self.tone) < 30:
                            self.tone[q] = len(self.tone) + 1
                    pos_adv = len(ln.encode()) + 1
                    pos += pos_adv
                    self.items.append(d)
                self.seen[base] = pos
        self.band = []          # per band: clip indices ordered by length, and the lengths
        for b in (0, 1):
            ix = sorted((i for i, d in enumerate(self.items) if d['tel'] == b), key=lambda i: self.items[i]['n'])
            self.band.append((ix, [self.items[i]['n'] for i in ix]))

    def mel(self, d):
        return np.asarray(self.mm[d['f']][d['o']:d['o'] + d['n']], dtype=np.float32)


def noise_bank(filters, seed=5):
    from synth import logmel
    r = np.random.RandomState(seed)
    out = []
    for kind in range(6):
        x = r.randn(16000 * 40).astype(np.float32)
        f = np.fft.rfft(x)
        fr = np.arange(len(f)) / len(f) * 8000 + 20
        shape = [1, fr ** -0.5, fr ** -1.0, np.exp(-fr / 900), (fr < 3500) * 1.0 + 1e-3, fr ** -0.7 * (fr < 4000) + 1e-4][kind]
        x = np.fft.irfft(f * shape).astype(np.float32)
        if kind == 3:
            x = x * (0.3 + np.abs(np.interp(np.arange(len(x)), np.arange(0, len(x), 4000), r.rand(len(x) // 4000))))
        x /= np.abs(x).max()
        out.append(logmel(x, filters))
    return out


class Maker:
    def __init__(self, clips, tok, seed):
        self.c, self.v = clips, clips.v
        self.r = random.Random(seed)
        self.nb = noise_bank(tok.filters)

    def pick(self, band, lo=0, hi=1 << 30):
        """a random clip of lo..hi frames (100 per second); None if there is none"""
        ix, ns = self.c.band[band]
        a, b = bisect.bisect_left(ns, lo), bisect.bisect_right(ns, hi)
        return self.c.items[ix[self.r.randrange(a, b)]] if b > a else None

    def window(self, kind, target=None):
        """kind 'short': one clip (or two) with just the frames needed, 'full': 1500 frames."""
        r = self.r
        band = r.random() < 0.5
        full = kind == 'full'
        utts = []          # (clip, start frame at 100 fps)
        cut = None
        if full:
            T = 3000
            style = r.random()
            if style < 0.12:
                pass                                   # no speech at all
            else:
                t = r.choice([0, 0, r.randint(0, 40), r.randint(0, 100), r.randint(0, 500)])
                stop = 3000 if style > 0.45 else r.randint(100, 2900)
                tight = r.random() < 0.5
                while True:
                    d = self.pick(band)
                    if t >= stop or t >= 3000 - 10:
                        break
                    if t + d['n'] > 3000:
                        if stop == 3000:
                            cut = (d, t)
                        break
                    utts.append((d, t))
                    gap = r.randint(15, 90) if tight else r.choice([r.randint(15, 60), r.randint(30, 200), r.randint(100, 800)])
                    t += d['n'] + gap
                    if len(utts) >= 12:
                        break
            pos = 0
        else:
            t = r.choice([0, r.randint(0, 20), r.randint(0, 50)])
            multi = target > 300 and r.random() < 0.35
            d = self.pick(band, 0, int(target * 0.6)) if multi else self.pick(band, int(target * 0.75), target)
            d = d or self.pick(band)
            utts.append((d, t))
            t += d['n']
            while multi and len(utts) < 4:
                g = r.randint(15, 120)
                d = self.pick(band, 0, target - t - g)
                if d is None:
                    break
                utts.append((d, t + g))
                t += g + d['n']
            T = t + r.choice([0, r.randint(0, 30), r.randint(0, 60)])
            T = min(3000, (T + 2) // 2 * 2)
            pos = None
        mel = np.full((T, 80), -10.0, np.float32)
        gain = r.uniform(-1.8, 0.5)
        for d, s in utts + ([cut] if cut else []):
            m = self.c.mel(d) + (gain + r.uniform(-0.3, 0.3))
            n = min(len(m), T - s)
            mel[s:s + n] = np.maximum(mel[s:s + n], m[:n])
        np.maximum(mel, -10, out=mel)
        silent = not utts and not cut
        noisy = r.random() < 0.5
        if noisy:
            nb = self.nb[r.randrange(len(self.nb))]
            o = r.randrange(0, len(nb) - T) if len(nb) > T else 0
            lvl = (mel.max() - r.uniform(2.2, 7.0)) if not silent else r.uniform(-6, 1)
            nz = nb[o:o + T] + (lvl - np.percentile(nb[o:o + 200], 95))
            if silent and r.random() < 0.3:
                k = r.randint(0, T)
                nz[k:] = -10
            elif full and not silent and r.random() < 0.4 and len(utts):     # file ends: zero padding follows
                k = min(T, utts[-1][1] + utts[-1][0]['n'] + r.randint(0, 200))
                if not cut:
                    nz[k:] = -10
            mel = np.log10(np.power(10.0, mel) + np.power(10.0, nz))
        mx = mel.max()
        if silent and r.random() < 0.5:
            mx = max(mx, r.uniform(-2, 2.5))
        elif r.random() < 0.3:
            mx += r.uniform(0, 0.8)
        mel = (np.maximum(mel, mx - 8) + 4) / 4
        return mel, utts, cut, band

    def sequence(self, utts, cut, pos, full, ts=True, prompt=None):
        """returns ids (inputs incl. last target), spans (encoder frames) and loss flags, all per position"""
        v, r = self.v, self.r
        ids, span, on = [], [], []

        def put(i, a=-1, b=-1, w=1):
            ids.append(i)
            span.append((a, b))
            on.append(w)
        if prompt:
            put(v.map[PREV], w=0)
            for i in prompt:
                put(i, w=0)
        put(v.map[SOT], w=0)
        put(v.map[ZH])
        put(v.map[TRANSCRIBE], w=0)
        if not ts:
            put(v.map[NOT], w=0)
        if not utts and not cut:
            if r.random() < 0.85 or not ts:
                put(v.map[NOSP])
                return ids, span, on
            put(v.ts(0))
            put(v.map[EOT])
            return ids, span, on
        first = True
        for d, s in utts:
            o = s / 100
            st, en = o + d['b'] + pos * 0.02, o + d['e'] + pos * 0.02
            if first and full and st > 1:
                st = 1.0
            first = False
            f0 = (o + d['b']) * 50
            f1 = (o + d['e']) * 50
            if ts:
                put(v.ts(st), f0 - 6, f0 + 8)
            chars = v.text(d['t'])
            cs = d['c'] + [d['e']]
            k = 0
            for ch, tl in zip(d['t'], chars):
                if is_han(ch):
                    a, b = (o + cs[k]) * 50 - 1, (o + cs[k + 1]) * 50 + 1
                    k += 1
                else:
                    a, b = (o + cs[k]) * 50 - 6, (o + cs[k]) * 50 + 8
                for t in tl:
                    put(t, a, b)
            if ts:
                put(v.ts(en), f1 - 8, f1 + 6)
        if cut and ts:
            st = (cut[1] / 100 + cut[0]['b'])
            if first:
                st = min(st, 1.0)
            put(v.ts(st + pos * 0.02), st * 50 - 6, st * 50 + 8)
        put(v.map[EOT])
        return ids, span, on

    def rand_prompt(self):
        r = self.r
        out, t = [], 0.0
        for _ in range(r.randint(1, 5)):
            d = r.choice(self.c.items)
            ts = r.random() < 0.8
            if ts:
                out.append(self.v.ts(t))
            for tl in self.v.text(d['t']):
                out += [self.v.unused if r.random() < 0.05 else x for x in tl]
            t += d['dur']
            if ts:
                out.append(self.v.ts(t))
        return out[-r.randint(20, 220):]

    def batch(self, kind, frames=2400, maxclip=99, pos_random=True, p_nots=0.1, p_prompt=0.08):
        r = self.r
        wins = []
        if kind == 'full':
            for _ in range(max(1, frames // 1500)):
                wins.append(self.window('full'))
        else:
            # clips of similar length: the target is a random clip's
            tgt = self.pick(int(r.random() < 0.5), 0, int(maxclip * 100))['n']
            nb = max(2, min(32, frames * 2 // (tgt + 50)))
            wins = [self.window('short', target=tgt) for _ in range(nb)]
        T = max(len(w[0]) for w in wins)
        B = len(wins)
        mel = np.empty((B, T, 80), np.float32)
        posn = np.zeros(B, np.int64)
        Te = T // 2
        ph = np.full((B, Te), -100, np.int64)
        tn = np.full((B, Te), -100, np.int64)
        seqs = []
        for b, (m, utts, cut, band) in enumerate(wins):
            mel[b, :len(m)] = m
            mel[b, len(m):] = m.min()
            pos = 0
            if kind != 'full' and pos_random:
                pos = r.randint(0, (1500 - Te) // 5) * 5 if r.random() < 0.4 else 0
            posn[b] = pos
            ph[b, :] = 0
            tn[b, :] = 0
            for d, s in utts + ([cut] if cut else []):
                lst = d['ph']
                for i, (t, q) in enumerate(lst):
                    a = int((s / 100 + t) * 50 + 0.5)
                    e = int((s / 100 + (lst[i + 1][0] if i + 1 < len(lst) else d['e'])) * 50 + 0.5)
                    ph[b, a:e] = self.c.ph.get(q, 0)
                cs = d['c'] + [d['e']]
                for i, q in enumerate(d['tn']):
                    a, e = int((s / 100 + cs[i]) * 50 + 0.5), int((s / 100 + cs[i + 1]) * 50 + 0.5)
                    tn[b, a:e] = self.c.tone.get(q, -100)
            prompt = self.rand_prompt() if r.random() < p_prompt else None
            seqs.append(self.sequence(utts, cut, pos, kind == 'full', r.random() >= p_nots or bool(cut), prompt))
        L = max(len(s[0]) for s in seqs)
        ids = np.full((B, L), self.v.map[EOT], np.int64)
        tgt = np.full((B, L - 1), -100, np.int64)
        span = np.full((B, L - 1, 2), -1.0, np.float32)
        for b, (i, s, o) in enumerate(seqs):
            n = len(i)
            ids[b, :n] = i
            for k in range(1, n):
                if o[k]:
                    tgt[b, k - 1] = i[k]
                    span[b, k - 1] = s[k]
        return dict(mel=mel.transpose(0, 2, 1).copy(), pos=posn, ph=ph, tn=tn, ids=ids[:, :-1].copy(), tgt=tgt, span=span)
