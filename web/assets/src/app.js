// What every page has: partial updates, forms that submit themselves, rows that open on click, the toast.
import "htmx.org";

const toast = document.getElementById("toast");
let hideToast;

// say shows a sentence for a while.
export function say(text) {
  toast.textContent = text;
  toast.hidden = false;
  clearTimeout(hideToast);
  hideToast = setTimeout(() => (toast.hidden = true), 8000);
}

// A refused partial update leaves the page as it is and says why; the server's error page carries the sentence.
document.addEventListener("htmx:response:error", (e) => {
  if (e.detail.ctx.response.status === 409 && document.getElementById("conflict")) return; // the page says it itself
  const answer = new DOMParser().parseFromString(e.detail.ctx.text || "", "text/html");
  say(answer.querySelector("[data-error]")?.dataset.error || toast.dataset.failed);
});
document.addEventListener("htmx:error", () => say(toast.dataset.failed));

// Filters apply when changed; the button stays for keyboards without a change event and for no script at all.
for (const form of document.querySelectorAll("form[data-autosubmit]")) {
  form.addEventListener("change", () => {
    for (const field of form.elements) {
      if (field.name && field.value === "") field.disabled = true; // short addresses
    }
    form.requestSubmit();
  });
}

// A row opens its recording wherever it is clicked, except while text is being selected.
document.querySelector("table.list")?.addEventListener("click", (e) => {
  if (e.target.closest("a, button, input, select") || String(getSelection())) return;
  e.target.closest("tr")?.querySelector("a.rowlink")?.click();
});
