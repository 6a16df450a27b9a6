// The recording page: player, waveform, and everything the keyboard does.
import WaveSurfer from "wavesurfer.js";
import Regions from "wavesurfer.js/plugins/regions";
import { channelsOf, hearSide, strip, silenceAt } from "./_sound.js";
import { begin } from "./_review.js";

const player = document.getElementById("player");
const audio = document.getElementById("audio");
const lead = Number(player?.dataset.leadIn ?? 3);
const help = document.getElementById("help");

// --- findings -------------------------------------------------------------------------------------------

const findings = () => [...document.querySelectorAll("[data-finding]")];
let currentKey = null;
const current = () => findings().find((f) => f.dataset.finding === currentKey) ?? null;

// select makes a finding the current one and brings it and its evidence into view.
function select(finding, { scroll = true } = {}) {
  currentKey = finding?.dataset.finding ?? null;
  for (const f of findings()) f.classList.toggle("current", f === finding);
  for (const m of document.querySelectorAll("mark[data-evidence]")) {
    m.classList.toggle("current", m.dataset.evidence === currentKey);
  }
  if (!finding || !scroll) return;
  finding.scrollIntoView({ block: "nearest" });
  finding.focus({ preventScroll: true });
  document.querySelector("mark.current")?.scrollIntoView({ block: "center" });
}

function step(by) {
  const all = findings();
  if (all.length === 0) return;
  const at = all.findIndex((f) => f.dataset.finding === currentKey);
  const next = at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + by));
  select(all[next]);
  if (Number(all[next].dataset.turn) >= 0) playFrom(Number(all[next].dataset.start));
}

// --- player ---------------------------------------------------------------------------------------------

// playFrom plays from a little before a moment, so that one hears what led to it.
function playFrom(second) {
  if (!audio) return;
  audio.currentTime = Math.max(0, second - lead);
  audio.play().catch(() => {}); // a refusal shows as the play button staying as it is
}

function toggle() {
  if (!audio) return;
  if (audio.paused) audio.play().catch(() => {});
  else audio.pause();
}

const mmss = (s) => `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, "0")}`;

// follow marks the line that is being spoken.
let spoken = null;
function follow() {
  const t = audio.currentTime;
  document.getElementById("clock").textContent = `${mmss(t)} / ${mmss(audio.duration || 0)}`;
  let now = null;
  for (const li of document.querySelectorAll("li.turn")) {
    if (Number(li.dataset.from) <= t && t < Number(li.dataset.to)) now = li;
  }
  if (now !== spoken) {
    spoken?.classList.remove("now");
    now?.classList.add("now");
    if (now && !audio.paused) now.scrollIntoView({ block: "nearest" });
    spoken = now;
  }
  const quiet = document.getElementById("skip").checked && !audio.paused && silenceAt(t);
  if (quiet) audio.currentTime = quiet[1] - 0.2;
  const f = current();
  if (document.getElementById("loop").checked && f && t > Number(f.dataset.end) + 1) {
    audio.currentTime = Math.max(0, Number(f.dataset.start) - lead);
  }
}

// renew fetches a new audio address: the old one works for minutes only, and a review may take longer.
let renewed = 0;
async function renew() {
  if (Date.now() - renewed < 5000) return unplayable();
  renewed = Date.now();
  const at = audio.currentTime;
  try {
    const answer = await fetch(player.dataset.address, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(String(answer.status));
    audio.src = (await answer.json()).url;
    audio.currentTime = at;
  } catch {
    unplayable();
  }
}

function unplayable() {
  const p = document.getElementById("wave-problem");
  p.textContent = player.dataset.unplayable;
  p.hidden = false;
}

let wave, regions;

async function drawWave() {
  const answer = await fetch(player.dataset.waveform, { headers: { Accept: "application/json" } });
  if (!answer.ok) return;
  const { duration, channels, silence, overlap } = await answer.json();
  if (channels.length === 0 || !duration) return;
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  // Which side of the talk a channel carries is what most of its lines say.
  const sideOf = (channel) => {
    let votes = 0;
    for (const li of document.querySelectorAll(`li.turn[data-channel="${channel}"]`)) {
      votes += li.dataset.speaker === "agent" ? 1 : li.dataset.speaker === "customer" ? -1 : 0;
    }
    return channels.length === 1 ? "both" : votes >= 0 ? "agent" : "customer";
  };
  channelsOf(channels.map((_, i) => sideOf(i)));
  strip(duration, silence, overlap);
  wave = WaveSurfer.create({
    container: "#wave",
    media: audio,
    duration,
    peaks: channels.map((c) => c.max.map((m) => m / 255)),
    cspNonce: player.dataset.nonce,
    height: channels.length > 1 ? 30 : 60,
    cursorColor: colour("--text"),
    cursorWidth: 2,
    barWidth: 2,
    barGap: 1,
    barRadius: 1,
    normalize: true,
    dragToSeek: true,
    splitChannels: channels.map((_, i) => ({
      waveColor: colour(`--wave-${sideOf(i)}`),
      progressColor: colour(`--wave-${sideOf(i)}-played`),
    })),
    plugins: [(regions = Regions.create())],
  });
  wave.on("ready", mark);
  regions.on("region-clicked", (region, e) => {
    e.stopPropagation();
    const f = findings().find((f) => f.dataset.finding === region.id);
    select(f);
    playFrom(region.start);
  });
}

// mark draws the findings onto the waveform.
function mark() {
  if (!regions) return;
  const style = getComputedStyle(document.documentElement);
  regions.clearRegions();
  for (const f of findings()) {
    if (Number(f.dataset.turn) < 0 || f.classList.contains("v-overturned")) continue;
    regions.addRegion({
      id: f.dataset.finding,
      start: Number(f.dataset.start),
      end: Math.max(Number(f.dataset.end), Number(f.dataset.start) + 0.2),
      color: style.getPropertyValue(`--mark-${f.dataset.severity}`).trim(),
      drag: false,
      resize: false,
    });
  }
}

if (player) {
  audio.addEventListener("timeupdate", follow);
  audio.addEventListener("loadedmetadata", follow);
  audio.addEventListener("play", () => player.classList.add("playing"));
  audio.addEventListener("pause", () => player.classList.remove("playing"));
  audio.addEventListener("error", renew);
  document.getElementById("toggle").addEventListener("click", toggle);
  document.getElementById("side").addEventListener("change", (e) => hearSide(audio, e.target.value));
  document.getElementById("speed").addEventListener("change", (e) => (audio.playbackRate = Number(e.target.value)));
  drawWave();
}

// --- mouse ----------------------------------------------------------------------------------------------

document.addEventListener("click", (e) => {
  const button = e.target.closest("[data-play]");
  if (button) {
    const finding = button.closest("[data-finding]");
    if (finding) select(finding, { scroll: false });
    if (finding) document.querySelector("mark.current")?.scrollIntoView({ block: "center" });
    playFrom(Number(button.dataset.play));
    if (e.detail > 0) button.blur(); // so that space pauses instead of pressing the button again
    return;
  }
  const evidence = e.target.closest("mark[data-evidence]");
  if (evidence && !String(getSelection())) {
    const f = findings().find((f) => f.dataset.finding === evidence.dataset.evidence);
    select(f);
    if (f) playFrom(Number(f.dataset.start));
    return;
  }
  const finding = e.target.closest("[data-finding]");
  if (finding && !e.target.closest("button, summary, form")) select(finding, { scroll: false });
  if (e.target.closest("[data-help]")) help.showModal();
});

// --- partial updates ------------------------------------------------------------------------------------

let scrolled = [];
document.addEventListener("htmx:before:swap", () => {
  scrolled = [...document.querySelectorAll("#review .pane")].map((p) => p.scrollTop);
});
document.addEventListener("htmx:after:swap", () => {
  document.querySelectorAll("#review .pane").forEach((p, i) => (p.scrollTop = scrolled[i] ?? 0));
  select(current(), { scroll: false });
  current()?.focus({ preventScroll: true });
  spoken = null;
  mark();
  begin();
});
begin();

// What somebody else has changed meanwhile is said plainly, until the present state is loaded.
const conflict = document.getElementById("conflict");
document.addEventListener("htmx:response:error", (e) => {
  if (e.detail.ctx.response.status === 409) conflict.hidden = false;
});

// --- keyboard -------------------------------------------------------------------------------------------

const press = (selector) => (current() ?? select(findings()[0]) ?? current())?.querySelector(selector)?.click();

// choose goes to the next or the one before in a list.
function choose(id, by, around = false) {
  const list = document.getElementById(id);
  if (!list || list.disabled) return;
  const n = list.options.length;
  list.selectedIndex = around ? (list.selectedIndex + by + n) % n : Math.min(n - 1, Math.max(0, list.selectedIndex + by));
  list.dispatchEvent(new Event("change"));
}

const keys = {
  j: () => step(+1),
  k: () => step(-1),
  c: () => press("button.confirm"),
  u: () => document.getElementById("undo")?.click(),
  a: () => document.getElementById("add")?.click(),
  d: () => document.getElementById("dispose")?.click(),
  s: () => document.getElementById("skip")?.click(),
  h: () => document.getElementById("hits-only")?.click(),
  m: () => choose("side", 1, true),
  "-": () => choose("speed", -1),
  "+": () => choose("speed", 1),
  "=": () => choose("speed", 1),
  o: () => {
    if (!current()) select(findings()[0]);
    const details = current()?.querySelector("details.overturn");
    if (!details) return;
    details.open = true;
    details.querySelector("select").focus();
  },
  l: () => document.getElementById("loop")?.click(),
  n: () => document.getElementById("next")?.click(),
  "?": () => help.showModal(),
  " ": toggle,
  arrowleft: () => audio && (audio.currentTime = Math.max(0, audio.currentTime - 5)),
  arrowright: () => audio && (audio.currentTime = Math.min(audio.duration || Infinity, audio.currentTime + 5)),
};

document.addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey || document.querySelector("dialog[open]")) return;
  const typing = e.target.closest("input:not([type=checkbox]), select, textarea");
  if (typing) {
    if (e.key === "Escape") {
      const details = typing.closest("details.overturn");
      if (details) details.open = false;
      typing.blur();
    }
    return;
  }
  if (e.key === " " && e.target.closest("button, summary, a, input")) return; // space presses what has the focus
  const action = keys[e.key.toLowerCase()];
  if (!action) return;
  e.preventDefault();
  action();
});
