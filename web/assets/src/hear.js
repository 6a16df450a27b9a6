// Evidence heard on a page that has no review player: a press fetches an address, which is put on record as hearing
// the recording, and plays from a little before the evidence.
const audio = document.getElementById("heard");
const lead = 3; // seconds, as on the review page
const fresh = 9 * 60_000; // milliseconds; an address works for ten minutes

let loaded = { address: "", at: 0 };

async function hear(button) {
  const { address } = button.dataset;
  if (loaded.address !== address || Date.now() - loaded.at > fresh) {
    const answer = await fetch(address, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(String(answer.status));
    audio.src = (await answer.json()).url;
    loaded = { address, at: Date.now() };
  }
  audio.hidden = false;
  audio.currentTime = Math.max(0, Number(button.dataset.hear) - lead);
  await audio.play();
}

document.addEventListener("click", (e) => {
  const button = e.target.closest("[data-hear]");
  if (!button) return;
  const problem = document.getElementById("heard-problem");
  problem.hidden = true;
  hear(button).catch((reason) => {
    if (reason.name === "AbortError") return; // another press came first
    loaded = { address: "", at: 0 };
    problem.hidden = false;
  });
});
