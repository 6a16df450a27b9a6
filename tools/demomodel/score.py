"""Character error rate and start times of a transcription of make_eval.py's recordings.

usage: score.py EVAL_DIR RESULT.jsonl [--show N]      RESULT: what evalgo or `speechqa transcribe --json` printed"""
import json
import os
import sys
import numpy as np
from vocab import han_only


def align(ref, hyp):
    """edit distance and list of (ref index, hyp index) of equal characters"""
    n, m = len(ref), len(hyp)
    D = np.zeros((n + 1, m + 1), np.int32)
    D[:, 0], D[0] = np.arange(n + 1), np.arange(m + 1)
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            D[i, j] = min(D[i - 1, j - 1] + (ref[i - 1] != hyp[j - 1]), D[i - 1, j] + 1, D[i, j - 1] + 1)
    i, j, eq = n, m, []
    while i and j:
        if D[i, j] == D[i - 1, j - 1] + (ref[i - 1] != hyp[j - 1]):
            if ref[i - 1] == hyp[j - 1]:
                eq.append((i - 1, j - 1))
            i, j = i - 1, j - 1
        elif D[i, j] == D[i - 1, j] + 1:
            i -= 1
        else:
            j -= 1
    return int(D[n, m]), eq[::-1]


def main():
    d, res = sys.argv[1:3]
    show = int(sys.argv[4]) if len(sys.argv) > 4 else 0
    R = json.load(open(os.path.join(d, 'ref.json')))
    tot, wall, dur = {}, 0, 0
    ts, matched, turns = {}, {}, {}
    for line in open(res):
        if not line.startswith('{'):
            continue
        h = json.loads(line)
        n = os.path.basename(h['file'])
        if 'segs' in h:
            segs = h['segs']
            wall, dur = wall + h['wall'], dur + h['dur']
        else:
            segs = [{'Start': u['start'], 'End': u['end'], 'Text': u['text']} for u in h['utterances']]
        hyp = han_only(''.join(s['Text'] for s in segs))
        if n in R['ref']:
            k = n[:-8]
            ref = han_only(R['ref'][n])
            e, _ = align(ref, hyp)
            if show:
                print(e, n, R['ref'][n], '|', ''.join(s['Text'] for s in segs), [(s['Start'], s['End']) for s in segs])
                show -= 1
        elif n.startswith('call'):
            c, kind = n[:-4].split('-')
            k = 'call-' + kind
            rt = R['calls'][c]['mono' if kind == 'mono' else 'stereo']
            if kind in ('left', 'right'):
                rt = [t for t in rt if (t['speaker'] == 'a') == (kind == 'left')]
            ref = ''.join(han_only(t['text']) for t in rt)
            e, eq = align(ref, hyp)
            owner_r = sum([[i] * len(han_only(t['text'])) for i, t in enumerate(rt)], [])
            owner_h = sum([[i] * len(han_only(s['Text'])) for i, s in enumerate(segs)], [])
            votes = {}
            for a, b in eq:
                votes.setdefault(owner_r[a], []).append(owner_h[b])
            used = set()
            for i, t in enumerate(rt):
                turns[k] = turns.get(k, 0) + 1
                if i in votes:
                    s = votes[i][0]             # segment that holds the first recognised character
                    if s not in used:
                        ts.setdefault(k, []).append(abs(segs[s]['Start'] - t['start']))
                    used.update(votes[i])
            if show:
                print(n, e, len(ref), [(s['Start'], s['End'], s['Text']) for s in segs])
                show -= 1
        else:
            print(n, 'segments:', [(s['Start'], s['End'], s['Text']) for s in segs])
            continue
        t = tot.setdefault(k, [0, 0, 0])
        t[0] += e
        t[1] += len(ref)
        t[2] += 1
    for k, (e, n, c) in sorted(tot.items()):
        print('%-12s CER %5.1f%%  (%d files, %d characters)' % (k, 100 * e / n, c, n))
    for k, x in sorted(ts.items()):
        print('%-12s start error median %.2f s p90 %.2f s, %d of %d turns start a segment' % (k, np.median(x), np.percentile(x, 90), len(x), turns[k]))
    if dur:
        print('real-time factor %.3f (%.0f s audio, %.0f s)' % (wall / dur, dur, wall))


if __name__ == '__main__':
    main()
