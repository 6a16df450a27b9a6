// One side alone, and what the waveform says of silence and of talking over each other.

let sides = []; // which side of the talk each channel carries
let quiet = [];
let graph = null; // made when somebody first asks for one side: without it the audio plays as it is

// channelsOf keeps what the channels carry; with one channel there is no side to choose.
export function channelsOf(list) {
  sides = list;
  document.getElementById("side").disabled = list.length < 2;
}

// hearSide mutes the other side. What is left is heard in both ears.
export function hearSide(audio, side) {
  if (!graph) {
    if (side === "both") return;
    const context = new AudioContext();
    const source = context.createMediaElementSource(audio);
    const split = context.createChannelSplitter(sides.length);
    const mix = context.createGain();
    source.connect(split);
    const gains = sides.map((_, i) => {
      const g = context.createGain();
      split.connect(g, i);
      g.connect(mix);
      return g;
    });
    mix.connect(context.destination);
    graph = { context, gains };
  }
  graph.context.resume();
  graph.gains.forEach((g, i) => (g.gain.value = side === "both" || side === sides[i] ? 1 : 0));
}

// silenceAt gives the silence that a moment lies in, unless it is about to end.
export const silenceAt = (t) => quiet.find(([from, to]) => from + 0.3 <= t && t < to - 0.5);

// strip draws silence and overlap below the waveform: overlap high and hatched, silence low.
export function strip(duration, silence, overlap) {
  quiet = silence;
  const canvas = document.getElementById("strip");
  const draw = () => {
    const style = getComputedStyle(document.documentElement);
    const wide = (canvas.width = canvas.clientWidth || canvas.parentElement.clientWidth);
    const pen = canvas.getContext("2d");
    const bar = ([from, to], top, height) => pen.fillRect((from / duration) * wide, top, Math.max(2, ((to - from) / duration) * wide), height);
    pen.fillStyle = style.getPropertyValue("--line-strong").trim();
    for (const s of silence) bar(s, 4, 2);
    pen.fillStyle = style.getPropertyValue("--critical").trim();
    for (const s of overlap) bar(s, 0, 4);
  };
  draw();
  addEventListener("resize", draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}
