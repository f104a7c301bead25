// Selection in forms with data-select="crop": counts checked boxes, shows the action bar, and selects ranges by Shift.
// A box with data-row selects all boxes of its list item, and as many crops more as data-counts says.

const boxes = (form) => [...form.querySelectorAll('input[type="checkbox"]:not([data-row])')];
const rows = (form) => [...form.querySelectorAll("input[data-row]")];
const boxesOfRow = (row) => [...row.closest("li").querySelectorAll("input:not([data-row])")];
let last = null;

function refresh(form) {
  for (const row of rows(form)) {
    const inside = boxesOfRow(row);
    const all = inside.every((box) => box.checked);
    row.checked = all && (row.checked || row.dataset.counts === "0");
    row.indeterminate = !row.checked && inside.some((box) => box.checked);
  }
  const further = rows(form).filter((row) => row.checked).reduce((sum, row) => sum + Number(row.dataset.counts), 0);
  const count = boxes(form).filter((box) => box.checked).length + further;
  const bar = form.querySelector(".bar");
  if (!bar) return;
  bar.hidden = count === 0;
  const noun = form.dataset.select;
  bar.querySelector("[data-count]").textContent = `${count} ${count === 1 ? noun : (form.dataset.plural ?? `${noun}s`)}`;
  for (const button of bar.querySelectorAll("[data-least]")) {
    button.disabled = count < +button.dataset.least || count > +(button.dataset.most ?? Infinity);
  }
  for (const button of document.querySelectorAll("[data-with-selection]")) {
    button.classList.toggle("hidden", count === 0);
  }
  for (const button of document.querySelectorAll("[data-without-selection]")) {
    button.classList.toggle("hidden", count > 0);
  }
}

document.addEventListener("click", (event) => {
  const box = event.target.closest('input[type="checkbox"]');
  const form = box?.closest("form[data-select]");
  if (form) {
    const all = boxes(form);
    if (box.matches("[data-row]")) {
      for (const one of boxesOfRow(box)) one.checked = box.checked;
    } else if (event.shiftKey && last?.isConnected && all.includes(last)) {
      const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((a, b) => a - b);
      for (const other of all.slice(from, to + 1)) other.checked = box.checked;
    }
    last = box;
    refresh(form);
  }
  const clear = event.target.closest("[data-clear]");
  if (clear) {
    const cleared = clear.closest("form");
    for (const one of [...boxes(cleared), ...rows(cleared)]) one.checked = false;
    refresh(cleared);
  }
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  // Enter in a field presses the button beside it, not the first button of the form.
  if (event.key === "Enter" && event.target.matches('.field input[name="to"]')) {
    event.preventDefault();
    event.target.parentElement.querySelector("button").click();
    return;
  }
  const form = event.target.closest("form[data-select]");
  if (!form) return;
  // Space selects the item of a link in focus.
  if (event.key === " " && event.target.matches("a.open")) {
    event.preventDefault();
    event.target.closest("li").querySelector('input[type="checkbox"]').click();
  }
});

// Shift and an arrow to the side select from crop to crop, past the boxes of rows.
document.addEventListener(
  "keydown",
  (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const form = event.target.closest("form[data-select]");
    const all = form && step && event.shiftKey ? boxes(form) : [];
    const here = all.indexOf(event.target);
    const next = here < 0 ? null : all[here + step];
    if (!next) return;
    event.preventDefault();
    event.stopPropagation();
    event.target.checked = next.checked = true;
    next.focus();
    refresh(form);
  },
  true,
);

const start = () => document.querySelectorAll("form[data-select]").forEach(refresh);
document.addEventListener("swapped", start);
addEventListener("pageshow", start);
start();
