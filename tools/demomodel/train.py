"""Train the demo model.  The learning rate follows the wall clock; --init goes on from what an earlier run wrote."""
import argparse
import math
import os
import random
import threading
import queue
import time
import numpy as np
import torch
import torch.nn.functional as F
from vocab import MODEL, Tokenizer
from data import Vocab, Clips, Maker
from model import Whisper
import restore


def main():
    ap = argparse.ArgumentParser()
    for a in ('--data', '--out'):
        ap.add_argument(a, required=True)
    ap.add_argument('--vocab-model', default=MODEL, help='ggml model whose vocabulary and mel filters are used')
    ap.add_argument('--init', default='', help='checkpoint of an earlier run, or an exported model (.bin)')
    ap.add_argument('--minutes', type=float, default=10)
    ap.add_argument('--lr', type=float, default=1e-3)
    ap.add_argument('--lr-end', type=float, default=1e-3)
    ap.add_argument('--warm', type=int, default=200)
    ap.add_argument('--p-full', type=float, default=0.0)
    ap.add_argument('--p-full-end', type=float, default=-1, help='share of 30 s windows at the end (ramp from --ramp on)')
    ap.add_argument('--ramp', type=float, default=0.45)
    ap.add_argument('--enc-steps', type=int, default=0, help='first steps: encoder heads only')
    ap.add_argument('--maxclip', type=float, default=99)
    ap.add_argument('--short-until', type=float, default=0, help='share of the run limited to clips of --maxclip seconds')
    ap.add_argument('--w-frame', type=float, default=0.5)
    ap.add_argument('--w-guide', type=float, default=0.3)
    ap.add_argument('--frames', type=int, default=2400)
    ap.add_argument('--nd', type=int, default=4)
    ap.add_argument('--threads', type=int, default=1)
    ap.add_argument('--seed', type=int, default=1)
    ap.add_argument('--max-steps', type=int, default=1 << 30)
    ar = ap.parse_args()
    torch.set_num_threads(ar.threads)
    torch.manual_seed(ar.seed)
    tok = Tokenizer(ar.vocab_model)
    voc = Vocab(tok)
    clips = Clips(ar.data.split(','), voc)
    mk = Maker(clips, tok, ar.seed)
    print('clips', len(clips.items), 'used tokens', voc.n, 'phones', len(clips.ph), 'tones', len(clips.tone), flush=True)
    net = Whisper(voc.n, 51865 - voc.n, nd=ar.nd)
    net.init_timestamps(voc.beg)
    opt = torch.optim.AdamW(net.parameters(), lr=ar.lr, betas=(0.9, 0.98), weight_decay=0.01, eps=1e-8)
    if ar.init.endswith('.bin'):
        net.load_state_dict(restore.weights(ar.init, voc.ids), strict=False)
    elif ar.init:
        ck = torch.load(ar.init, map_location='cpu')
        net.load_state_dict(ck['net'])
        clips.ph.update(ck['ph'])
        clips.tone.update(ck['tone'])
        opt.load_state_dict(ck['opt'])
    print('params', sum(p.numel() for p in net.parameters()))
    q = queue.Queue(maxsize=6)

    def feeder():
        r = random.Random(ar.seed + 77)
        while True:
            x = (time.time() - tstart) / 60 / ar.minutes
            pf = ar.p_full
            if ar.p_full_end >= 0 and x > ar.ramp:
                pf += (ar.p_full_end - ar.p_full) * min(1, (x - ar.ramp) / max(1e-6, (0.85 - ar.ramp)))
            if x < ar.short_until:
                pf = 0
            q.put(mk.batch('full' if r.random() < pf else 'short', frames=ar.frames, maxclip=ar.maxclip if x < ar.short_until else 99))
    tstart = time.time()
    threading.Thread(target=feeder, daemon=True).start()
    t0, step = time.time(), 0
    acc = {}
    last = scan = save = t0

    def dump(path):
        torch.save({'net': net.state_dict(), 'opt': opt.state_dict(), 'cfg': net.cfg, 'ph': clips.ph,
                    'tone': clips.tone, 'ids': voc.ids}, path + '.tmp')
        os.replace(path + '.tmp', path)
    tw = 0
    stop = []
    import signal
    signal.signal(signal.SIGTERM, lambda *a: stop.append(1))
    while True:
        fr = (time.time() - t0) / 60 / ar.minutes
        if stop:
            break
        if fr >= 1 or step >= ar.max_steps:
            break
        lr = ar.lr_end + (ar.lr - ar.lr_end) * 0.5 * (1 + math.cos(math.pi * fr))
        lr *= min(1, (step + 1) / max(1, ar.warm))
        for g in opt.param_groups:
            g['lr'] = lr
        a = time.time()
        bt = q.get()
        tw += time.time() - a
        T = {k: torch.from_numpy(x) for k, x in bt.items()}
        with torch.autocast('cpu', dtype=torch.bfloat16):
            xa = net.encoder(T['mel'], T['pos'])
            lp = F.cross_entropy(net.head_ph(xa).float().flatten(0, 1), T['ph'].flatten(), ignore_index=-100)
            lt = F.cross_entropy(net.head_tone(xa).float().flatten(0, 1), T['tn'].flatten(), ignore_index=-100)
            loss = ar.w_frame * (lp + lt)
            st = {'ph': lp.item(), 'tone': lt.item()}
            if step >= ar.enc_steps:
                h, ws = net.decoder(T['ids'], xa)
                lg = net.logits(h)
                tg = T['tgt'].flatten()
                lce = F.cross_entropy(lg.flatten(0, 1), tg, ignore_index=-100, label_smoothing=0.0)
                loss = loss + lce
                if ar.w_guide > 0:
                    fidx = torch.arange(xa.shape[1])[None, None]
                    inside = (fidx >= T['span'][..., :1]) & (fidx <= T['span'][..., 1:])
                    has = (T['span'][..., 1] > 0) & inside.any(-1)
                    # layer 0 looks at the input token's own place, layers 1-3 at the place of the token to come
                    prev_in = torch.cat([torch.zeros_like(inside[:, :1]), inside[:, :-1]], 1)
                    prev_has = torch.cat([torch.zeros_like(has[:, :1]), has[:, :-1]], 1)
                    g = 0
                    for li, (ins, hs) in enumerate(((prev_in, prev_has), (inside, has), (inside, has), (inside, has))):
                        w = ws[li][:, :2].float()
                        mass = (w * ins[:, None]).sum(-1).clamp_min(1e-4)
                        gl = -(mass.log() * hs[:, None]).sum() / hs.sum().clamp_min(1) / 2
                        st['g%d' % li] = gl.item()
                        g = g + gl
                    loss = loss + ar.w_guide * g / 4
                with torch.no_grad():
                    ok = tg >= 0
                    st['ce'] = lce.item()
                    hit = (lg.flatten(0, 1).argmax(-1) == tg)
                    tsm = ok & (tg >= voc.beg)
                    st['acc'] = hit[ok & ~tsm].float().mean().item()
                    if tsm.any():
                        st['ts'] = hit[tsm].float().mean().item()
        opt.zero_grad(set_to_none=True)
        loss.backward()
        gn = torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        if torch.isfinite(gn):
            opt.step()
        else:
            print('skip step', step)
        step += 1
        for k, x in st.items():
            acc.setdefault(k, []).append(x)
        now = time.time()
        if step % 25 == 0:
            print('%5.1fm step %d lr %.1e wait %.1fs ' % ((now - t0) / 60, step, lr, tw) + ' '.join('%s %.3f' % (k, np.mean(x)) for k, x in acc.items()) +
                  ' %.2fs/step' % ((now - last) / 25), flush=True)
            acc, last, tw = {}, now, 0
        if now - scan > 45:
            clips.rescan()
            print('clips', len(clips.items), flush=True)
            scan = now
        if now - save > 180:
            dump(ar.out)
            save = now
    dump(ar.out)
    print('done', step)


if __name__ == '__main__':
    main()
