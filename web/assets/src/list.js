// The list's counts, which the list does not wait for.
const counts = document.querySelector("[data-counts]");

if (counts) {
  fetch(counts.dataset.counts, { headers: { Accept: "application/json" } })
    .then((answer) => (answer.ok ? answer.json() : {}))
    .then((n) => {
      for (const b of document.querySelectorAll("[data-count]")) b.textContent = n[b.dataset.count] ?? "";
    })
    .catch(() => {}); // no counts: the list is there
}

// All rows at once.
document.getElementById("all-rows")?.addEventListener("change", (e) => {
  for (const box of document.querySelectorAll("input[name=recording]")) box.checked = e.target.checked;
});
