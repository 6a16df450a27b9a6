// The clip page: the waveform with its edges, what is bleeped, both sounds.

let stop = () => {}; // takes away what the page before a partial update listened to

function start() {
  stop();
  const clip = document.getElementById("clip");
  if (!clip) return;
  const listening = new AbortController();
  stop = () => listening.abort();
  const on = (target, type, f) => target?.addEventListener(type, f, { signal: listening.signal });

  const canvas = document.getElementById("cut");
  const view = { from: Number(clip.dataset.windowFrom), to: Number(clip.dataset.windowTo) };
  const inputs = { from: document.getElementById("from"), to: document.getElementById("to") };
  const edges = { from: Number(clip.dataset.from), to: Number(clip.dataset.to) };
  const bleeps = [...clip.querySelectorAll(".bleeps li")].map((li) => [Number(li.dataset.from), Number(li.dataset.to)]);
  const result = document.getElementById("result");
  const original = document.getElementById("original");
  let channels = [];
  let heard = null; // seconds of the recording, while something plays

  const x = (s) => ((s - view.from) / (view.to - view.from)) * canvas.width;
  const seconds = (px) => view.from + (px / canvas.clientWidth) * (view.to - view.from);

  function draw() {
    const ratio = devicePixelRatio || 1;
    canvas.width = canvas.clientWidth * ratio;
    canvas.height = canvas.clientHeight * ratio;
    const g = canvas.getContext("2d");
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const { width: w, height: h } = canvas;
    g.fillStyle = colour("--accent-soft");
    g.fillRect(x(edges.from), 0, x(edges.to) - x(edges.from), h);
    const sides = channels.length > 1 ? ["agent", "customer"] : ["both"];
    channels.forEach((peaks, c) => {
      const top = (h / channels.length) * c;
      const half = h / channels.length / 2;
      const step = w / peaks.length;
      peaks.forEach((p, i) => {
        const at = view.from + (i / peaks.length) * (view.to - view.from);
        const inside = at >= edges.from && at < edges.to;
        g.fillStyle = colour(`--wave-${sides[c % sides.length]}${inside ? "-played" : ""}`);
        const tall = Math.max(1, (p / 255) * half * 1.9);
        g.fillRect(i * step, top + half - tall / 2, Math.max(1, step * 0.7), tall);
      });
    });
    for (const [from, to] of bleeps) {
      g.fillStyle = colour("--text");
      g.globalAlpha = 0.55;
      g.fillRect(x(from), 0, Math.max(2, x(to) - x(from)), h);
      g.globalAlpha = 1;
    }
    g.fillStyle = colour("--accent");
    for (const edge of [edges.from, edges.to]) g.fillRect(x(edge) - 1.5 * ratio, 0, 3 * ratio, h);
    if (heard !== null) {
      g.fillStyle = colour("--critical");
      g.fillRect(x(heard) - ratio, 0, 2 * ratio, h);
    }
  }

  // Edges follow the pointer and the fields; letting go saves.
  let dragged = null;
  const nearest = (px) => {
    const near = (edge) => Math.abs((x(edges[edge]) / canvas.width) * canvas.clientWidth - px);
    const edge = near("from") <= near("to") ? "from" : "to";
    return near(edge) < 12 ? edge : null;
  };
  if (inputs.from) {
    on(canvas, "pointerdown", (e) => {
      dragged = nearest(e.offsetX);
      if (dragged) canvas.setPointerCapture(e.pointerId);
    });
    on(canvas, "pointermove", (e) => {
      canvas.classList.toggle("edge", Boolean(dragged || nearest(e.offsetX)));
      if (!dragged) return;
      const s = Math.min(view.to, Math.max(view.from, seconds(e.offsetX)));
      edges[dragged] = dragged === "from" ? Math.min(s, edges.to - 0.3) : Math.max(s, edges.from + 0.3);
      inputs[dragged].value = edges[dragged].toFixed(2);
      draw();
    });
    on(canvas, "pointerup", () => {
      if (dragged) document.getElementById("facts").requestSubmit();
      dragged = null;
    });
    for (const edge of ["from", "to"]) {
      on(inputs[edge], "input", () => {
        if (inputs[edge].value !== "") edges[edge] = Number(inputs[edge].value);
        draw();
      });
    }
  }

  // Sounds: the result begins at 0, the original at the clip's place in the recording. One at a time.
  on(result, "timeupdate", () => {
    heard = edges.from + result.currentTime;
    draw();
  });
  on(result, "play", () => original?.pause());
  on(document.getElementById("play-original"), "click", async () => {
    if (!original.paused) return original.pause();
    result.pause();
    original.currentTime = edges.from;
    await original.play().catch(() => {});
  });
  on(original, "timeupdate", () => {
    heard = original.currentTime;
    if (heard >= edges.to) original.pause();
    draw();
  });
  let renewed = 0;
  on(original, "error", async () => {
    if (Date.now() - renewed < 5000) return;
    renewed = Date.now();
    const answer = await fetch(document.getElementById("play-original").dataset.address, { headers: { Accept: "application/json" } });
    if (answer.ok) original.src = (await answer.json()).url;
  });

  // Selected text can be bleeped: its place in the utterance, in bytes.
  // No id: htmx copies the style of elements with one, which the content security policy forbids.
  const selection = document.querySelector(".bleep-selection");
  const bytes = (s) => new TextEncoder().encode(s).length;
  on(document, "selectionchange", () => {
    if (!selection) return;
    const s = getSelection();
    const place = (node) => (node.nodeType === Node.TEXT_NODE ? node.parentElement : node).closest(".clipline .words");
    const words = s.rangeCount && !s.isCollapsed ? place(s.anchorNode) : null;
    selection.hidden = !words || place(s.focusNode) !== words;
    if (selection.hidden) return;
    const range = s.getRangeAt(0);
    const before = document.createRange();
    before.selectNodeContents(words);
    before.setEnd(range.startContainer, range.startOffset);
    const from = bytes(before.toString());
    selection.elements.turn.value = words.closest(".clipline").dataset.turn;
    selection.elements.start.value = from;
    selection.elements.end.value = from + bytes(range.toString());
    const box = range.getBoundingClientRect();
    selection.style.left = `${Math.min(box.left, innerWidth - 160)}px`;
    selection.style.top = `${box.bottom + 6}px`;
  });
  // A button inside the text must not swallow the selection that ends on it.
  on(document.getElementById("bleeps"), "click", (e) => {
    if (String(getSelection()) && e.detail > 0) e.preventDefault();
  });
  on(document.getElementById("playlist"), "change", (e) => (e.target.form.action = e.target.value));

  on(window, "resize", draw);
  draw();
  fetch(clip.querySelector(".cutter").dataset.waveform, { headers: { Accept: "application/json" } })
    .then((answer) => (answer.ok ? answer.json() : { channels: [] }))
    .then((wave) => {
      channels = wave.channels.filter((c) => c.length > 0);
      draw();
    });
}

start();
let focused = null; // what had the focus before a partial update
document.addEventListener("htmx:before:swap", () => (focused = document.activeElement?.value ?? null));
document.addEventListener("htmx:after:swap", () => {
  start();
  if (focused) [...document.querySelectorAll("button.pii")].find((b) => b.value === focused)?.focus();
});
