"""Make the evaluation audio: held-out sentences, unseen generator sentences, calls, silence and noise.

usage: make_eval.py HELDOUT_DIR GEN_SENTENCES SAY.py OUT_DIR
"""
import json
import os
import random
import subprocess
import sys
import wave
import numpy as np
from scipy import signal
from synth import Espeak, to_tel, to_wide
from vocab import FULL

VO = [('f2', 165, 50), ('m3', 175, 50), ('f1', 160, 55), ('f4', 175, 55), ('f3', 170, 55), ('f5', 170, 60)]


def save(p, x, rate=16000):
    with wave.open(p, 'wb') as w:
        w.setnchannels(1)
        w.setsampwidth(2)
        w.setframerate(rate)
        w.writeframes((np.clip(x, -1, 1) * 32767).astype('<i2').tobytes())


def main():
    hd, gen, say, out = sys.argv[1:5]
    os.makedirs(out, exist_ok=True)
    es, rnd = Espeak(), random.Random(9)
    ref = {}
    for tag, path in (('held', os.path.join(hd, 'sentences.txt')), ('gen', gen)):
        for i, t in enumerate(x.strip().translate(FULL) for x in open(path, encoding='utf-8') if x.strip()):
            v, s, p = VO[i % len(VO)]
            x, _ = es.say(t, v, s, p, 50)
            x = x * (0.5 / np.abs(x).max())
            pad = np.zeros(int(22050 * 0.3), np.float32)
            x = np.concatenate([pad, x, pad])
            for band in 'wt':
                y = to_wide(x, 22050) if band == 'w' else to_tel(x, 22050, rnd)
                n = '%s-%s-%03d.wav' % (tag, band, i)
                save(os.path.join(out, n), y)
                ref[n] = t
    rs = np.random.RandomState(3)
    save(os.path.join(out, 'silence.wav'), np.zeros(960000))
    save(os.path.join(out, 'noise.wav'), 0.01 * rs.randn(960000))
    b = np.fft.irfft(np.fft.rfft(rs.randn(960000)) * (np.arange(480001) + 30.0) ** -0.8)
    save(os.path.join(out, 'noise-pink.wav'), 0.1 * b / np.abs(b).max())
    calls = {}
    for i, c in enumerate(json.load(open(os.path.join(hd, 'calls.json'), encoding='utf-8'))):
        va, vc = VO[i % len(VO)], VO[(i * 2 + 1) % len(VO)]
        if va == vc:
            vc = VO[(i + 1) % len(VO)]
        d = {'voices': {'a': dict(variant=va[0], speed=va[1], pitch=va[2]), 'c': dict(variant=vc[0], speed=vc[1], pitch=vc[2])},
             'turns': [{'speaker': t['speaker'], 'text': t['text'].translate(FULL)} for t in c['turns']]}
        j = os.path.join(out, c['name'] + '.in.json')
        json.dump(d, open(j, 'w', encoding='utf-8'), ensure_ascii=False)
        mono, st = os.path.join(out, c['name'] + '-mono.wav'), os.path.join(out, c['name'] + '-stereo.wav')
        subprocess.run([sys.executable, say, j, mono, '--rate', '16000', '--seed', str(i)], check=True)
        subprocess.run([sys.executable, say, j, st, '--rate', '8000', '--tel', '--stereo', '--seed', str(i + 50)], check=True)
        for ch, nm in ((1, 'left'), (2, 'right')):
            subprocess.run(['sox', '-D', st, '-r', '16000', '-c', '1', os.path.join(out, '%s-%s.wav' % (c['name'], nm)),
                            'remix', str(ch)], check=True)
        calls[c['name']] = {'mono': json.load(open(mono[:-4] + '.json')), 'stereo': json.load(open(st[:-4] + '.json'))}
    json.dump({'ref': ref, 'calls': calls}, open(os.path.join(out, 'ref.json'), 'w'), ensure_ascii=False, indent=0)


if __name__ == '__main__':
    main()
