// Cutting clips on the recording page: a button beside every finding, and one for selected text.
const form = document.getElementById("cut-clip");

function offer() {
  if (!form) return;
  const label = form.querySelector("button").textContent;
  for (const f of document.querySelectorAll("[data-finding]")) {
    if (Number(f.dataset.turn) < 0 || f.querySelector(".cut")) continue;
    const b = document.createElement("button");
    b.type = "button";
    b.className = "cut plain";
    b.textContent = label;
    b.addEventListener("click", () => {
      form.elements.finding.value = f.dataset.finding;
      form.submit();
    });
    f.append(b);
  }
}

// The selection's lines give the clip's beginning and end.
function selected() {
  if (!form) return;
  const s = getSelection();
  const lines = [...document.querySelectorAll("[data-turn][data-from]")].filter((li) => !s.isCollapsed && s.containsNode(li, true));
  form.hidden = lines.length === 0;
  if (form.hidden) return;
  form.elements.finding.value = "";
  form.elements.from.value = Math.max(0, Number(lines[0].dataset.from) - 0.5).toFixed(2);
  form.elements.to.value = (Number(lines.at(-1).dataset.to) + 0.5).toFixed(2);
  const box = s.getRangeAt(0).getBoundingClientRect();
  form.style.left = `${Math.min(box.left, innerWidth - 120)}px`;
  form.style.top = `${Math.max(56, box.top - 40)}px`;
}

offer();
document.addEventListener("htmx:after:swap", offer);
document.addEventListener("selectionchange", selected);
