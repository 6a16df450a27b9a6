// The editor of rules: live checking, trying sentences, line numbers; and the back-test's progress.

// part posts a form's fields and puts the answer, a piece of a page, into its place.
async function part(address, fields, place, signal) {
  const answer = await fetch(address, { method: "POST", body: new URLSearchParams(fields), signal });
  const text = await answer.text();
  if (answer.ok) {
    place.innerHTML = text;
    return;
  }
  const said = new DOMParser().parseFromString(text, "text/html").querySelector("[data-error]")?.dataset.error;
  place.textContent = said || document.getElementById("toast").dataset.failed;
}

const edit = document.getElementById("edit");
if (edit) {
  const text = document.getElementById("text");
  const numbers = document.getElementById("numbers");
  const check = document.getElementById("check");
  const saved = text.value;
  let later;
  let asked = new AbortController();

  const number = () => {
    const n = text.value.split("\n").length;
    numbers.textContent = Array.from({ length: n }, (_, i) => i + 1).join("\n");
  };
  const follow = () => (numbers.scrollTop = text.scrollTop);
  number();
  text.addEventListener("scroll", follow);
  text.addEventListener("input", () => {
    number();
    follow();
    document.getElementById("unsaved").hidden = text.value === saved;
    clearTimeout(later);
    later = setTimeout(async () => {
      asked.abort(); // the server need not check what has been typed over
      const mine = (asked = new AbortController());
      const place = document.createElement("div");
      try {
        await part(edit.dataset.check, new FormData(edit), place, mine.signal);
      } catch (e) {
        if (mine.signal.aborted) return;
        throw e;
      }
      check.replaceChildren(...place.childNodes);
    }, 500);
  });
  // Tab writes two spaces, as YAML wants; Escape lets the keyboard leave.
  let leave = false;
  text.addEventListener("keydown", (e) => {
    if (e.key === "Escape") leave = true;
    else if (e.key === "Tab" && !leave && !e.shiftKey) {
      e.preventDefault();
      text.setRangeText("  ", text.selectionStart, text.selectionEnd, "end");
      text.dispatchEvent(new Event("input"));
    } else leave = false;
  });
  check.addEventListener("click", (e) => {
    const line = Number(e.target.closest("[data-line]")?.dataset.line);
    if (!line) return;
    const lines = text.value.split("\n");
    const from = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    text.focus();
    text.setSelectionRange(from, from + (lines[line - 1] ?? "").length);
    text.scrollTop = (line - 5) * parseFloat(getComputedStyle(text).lineHeight);
  });
  document.getElementById("try").addEventListener("submit", (e) => {
    e.preventDefault();
    part(edit.dataset.try, [...new FormData(edit), ...new FormData(e.target)], document.getElementById("tried"));
  });
  const near = document.getElementById("near");
  near.addEventListener("submit", (e) => {
    e.preventDefault();
    part(near.dataset.to, new FormData(near), document.getElementById("found"));
  });
}

// A back-test that runs is looked at again until it has ended.
const test = document.getElementById("test");
async function look() {
  try {
    const answer = await fetch(location.href);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("test");
    if (answer.ok && page) {
      test.replaceChildren(...page.childNodes);
      test.dataset.state = page.dataset.state;
      if (page.dataset.running === undefined) return;
    }
  } catch {
    // the next look may reach the server again
  }
  setTimeout(look, 1000);
}
if (test?.dataset.running !== undefined) setTimeout(look, 1000);
