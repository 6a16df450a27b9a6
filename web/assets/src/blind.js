// A blind judgement is "no violation" or at least one violation: choosing one takes the other back, and neither is asked for.
const form = document.querySelector("form.verdict");
const clean = form.elements.namedItem("clean");
const rules = [...form.querySelectorAll('input[name="rule"]')];
const problem = form.querySelector(".problem");

clean.addEventListener("change", () => {
  if (clean.checked) rules.forEach((r) => { r.checked = false; });
});
rules.forEach((r) => r.addEventListener("change", () => {
  if (r.checked) clean.checked = false;
}));
form.addEventListener("submit", (e) => {
  if (clean.checked !== rules.some((r) => r.checked)) return;
  e.preventDefault();
  problem.textContent = form.dataset.choose;
  problem.hidden = false;
});
