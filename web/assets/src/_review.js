// What the review's panes do beside playing: adding a finding, dispositions, correcting speakers, hits only.

const other = { agent: "customer", customer: "unknown", unknown: "agent" };
let hitsOnly = true;
let waiting = null; // for an inspection with corrected speakers
let claim = null; // timer of the claim's end

// begin prepares the panes, at first and whenever they were replaced.
export function begin() {
  const box = document.getElementById("hits-only");
  if (box) {
    box.checked = hitsOnly;
    document.querySelector(".nothit").hidden = hitsOnly;
  }
  const address = document.getElementById("review").dataset.again;
  if (address) waiting ??= setInterval(() => look(address), 1500);
  clearTimeout(claim);
  watchClaim();
}

// watchClaim says when the claim of this recording has run out, and from then on, once a minute, whether somebody else
// has taken it.
function watchClaim() {
  const box = document.getElementById("claim");
  if (!box) return;
  const left = new Date(box.dataset.until) - Date.now();
  if (left > 0) {
    claim = setTimeout(watchClaim, left + 500);
    return;
  }
  box.hidden = false;
  claim = setTimeout(async () => {
    const answer = await fetch(box.dataset.look, { headers: { Accept: "application/json" } }).catch(() => null);
    const holder = answer?.ok ? (await answer.json()).holder : "";
    if (!holder) return watchClaim();
    const passed = document.getElementById("claim-passed");
    passed.querySelector("bdi").textContent = holder;
    passed.hidden = false;
    box.hidden = true;
  }, box.dataset.seen ? 60_000 : 0);
  box.dataset.seen = "yes";
}

// look asks whether the inspection is done, and shows what came of it.
async function look(address) {
  const answer = await fetch(address, { headers: { Accept: "application/json" } }).catch(() => null);
  if (!answer?.ok || (await answer.json()).state === "transcribed") return;
  location.reload();
}

// selection is the selected text as characters from..to of one line, or null.
function selection() {
  const s = getSelection();
  if (s.rangeCount === 0 || s.isCollapsed) return null;
  const range = s.getRangeAt(0);
  const start = range.startContainer.nodeType === 1 ? range.startContainer : range.startContainer.parentElement;
  const said = start.closest(".said");
  if (!said) return null;
  const line = document.createRange();
  line.selectNodeContents(said);
  if (range.compareBoundaryPoints(Range.END_TO_END, line) < 0) line.setEnd(range.endContainer, range.endOffset);
  const whole = [...line.toString()].length;
  line.setEnd(range.startContainer, range.startOffset);
  const from = [...line.toString()].length;
  return whole > from ? { turn: said.closest("li").dataset.turn, from, to: whole, text: said.textContent } : null;
}

function openAdd() {
  const dialog = document.getElementById("add-dialog");
  const s = selection();
  const form = dialog.querySelector("form");
  for (const name of ["turn", "from", "to"]) form.elements[name].value = s ? s[name] : "";
  const quote = dialog.querySelector(".selected");
  quote.textContent = s ? [...s.text].slice(s.from, s.to).join("") : quote.dataset.whole;
  dialog.showModal();
  form.elements.rule.focus();
}

// turnSpeaker notes another speaker for a line; what is noted goes with the form.
function turnSpeaker(li) {
  const form = document.getElementById("speakers");
  const name = `${li.dataset.turn}:`;
  li.dataset.was ||= li.dataset.speaker;
  li.classList.remove(li.dataset.speaker);
  li.dataset.speaker = other[li.dataset.speaker];
  li.classList.add(li.dataset.speaker);
  li.classList.toggle("changed", li.dataset.speaker !== li.dataset.was);
  li.querySelector(".speaker").textContent = form.dataset[li.dataset.speaker] ?? li.dataset.speaker;
  form.querySelector(`input[name=turn][value^="${name}"]`)?.remove();
  if (li.dataset.speaker !== li.dataset.was) {
    const input = document.createElement("input");
    Object.assign(input, { type: "hidden", name: "turn", value: name + li.dataset.speaker });
    form.append(input);
  }
  document.getElementById("correct").disabled = !form.querySelector("input[name=turn]");
}

document.addEventListener("mousedown", (e) => {
  if (e.target.closest("#add")) e.preventDefault(); // keeps the selection
});

document.addEventListener("click", (e) => {
  if (e.target.closest("#add")) openAdd();
  if (e.target.closest("#dispose")) document.getElementById("dispose-dialog").showModal();
  if (e.target.closest("[data-cancel]")) e.target.closest("dialog").close();
  if (e.target.closest("[data-reload]")) document.getElementById("conflict").hidden = true;
  const speaker = e.target.closest("li.turn .speaker");
  if (speaker && document.querySelector("details.speakers")?.open) turnSpeaker(speaker.closest("li"));
});

document.addEventListener("change", (e) => {
  if (e.target.id !== "hits-only") return;
  hitsOnly = e.target.checked;
  document.querySelector(".nothit").hidden = hitsOnly;
});
