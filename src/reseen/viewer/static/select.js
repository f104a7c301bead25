// Selection in forms with data-select="crop": counts checked boxes, shows the action bar, and selects ranges by Shift.

const boxes = (form) => [...form.querySelectorAll('input[type="checkbox"]')];
let last = null;

function refresh(form) {
  const count = boxes(form).filter((box) => box.checked).length;
  const bar = form.querySelector(".bar");
  bar.hidden = count === 0;
  const noun = form.dataset.select;
  bar.querySelector("[data-count]").textContent = `${count} ${noun}${count === 1 ? "" : "s"}`;
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
    if (event.shiftKey && last?.isConnected && all.includes(last)) {
      const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((a, b) => a - b);
      for (const other of all.slice(from, to + 1)) other.checked = box.checked;
    }
    last = box;
    refresh(form);
  }
  const clear = event.target.closest("[data-clear]");
  if (clear) {
    const cleared = clear.closest("form");
    for (const one of boxes(cleared)) one.checked = false;
    refresh(cleared);
  }
});

// Enter in the cluster field presses its Move button, not the first button of the form.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !event.target.matches('.bar input[name="to"]')) return;
  event.preventDefault();
  event.target.parentElement.querySelector("button").click();
});

const start = () => document.querySelectorAll("form[data-select]").forEach(refresh);
document.addEventListener("swapped", start);
addEventListener("pageshow", start);
start();
