// Keyboard shortcuts: pressing m clicks (or focuses, if it is a field) the element with data-key="m"; "g c" is g, then
// c. Of several, one in the same list item as the focus comes first. data-help describes it in the help dialog. Arrow
// keys move the focus among the items of [data-arrows]; from outside they go to the list with [data-arrows-first].

let first = "";
let timer = 0;

const isTextField = (element) => element.closest("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]");
const isActive = (element) => !element.disabled && element.getClientRects().length > 0;
const openDialog = () => document.querySelector("dialog[open]");

function activate(element) {
  if (!element.matches("input:not([type=checkbox]):not([type=radio]), select, textarea")) element.click();
  else {
    element.focus();
    if (element.matches('input[value]:not([value=""])')) element.select();
  }
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || isTextField(event.target)) return;
  if (event.key.startsWith("Arrow")) {
    arrow(event);
    return;
  }
  const pressed = first ? `${first} ${event.key}` : event.key;
  clearTimeout(timer);
  first = "";
  const scope = openDialog() || document;
  const target = nearestToFocus([...scope.querySelectorAll("[data-key]")].filter((one) => one.dataset.key === pressed && isActive(one)));
  if (target) {
    event.preventDefault();
    activate(target);
  } else if ([...scope.querySelectorAll("[data-key]")].some((one) => one.dataset.key.startsWith(`${pressed} `))) {
    first = pressed;
    timer = setTimeout(() => (first = ""), 1200);
  }
});

function nearestToFocus(elements) {
  for (let item = document.activeElement?.closest("li"); item; item = item.parentElement.closest("li")) {
    const inside = elements.find((one) => item.contains(one));
    if (inside) return inside;
  }
  return elements[0];
}

function arrow(event) {
  if (openDialog()) return;
  const list = event.target.closest("[data-arrows]") ?? document.querySelector("[data-arrows-first]");
  if (!list) return;
  const items = [...list.querySelectorAll(list.dataset.arrows)].filter(isActive);
  const here = items.indexOf(event.target.closest(list.dataset.arrows));
  if (here < 0) {
    if (event.target !== document.body && event.target.id !== "main") return;
    event.preventDefault();
    items[0]?.focus();
    return;
  }
  event.preventDefault();
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  const next = step ? items[here + step] : nextRowItem(items, here, event.key === "ArrowDown" ? 1 : -1);
  next?.focus();
}

// The horizontally nearest item in the next row above or below.
function nextRowItem(items, here, way) {
  const middle = (item) => item.getBoundingClientRect().left + item.getBoundingClientRect().width / 2;
  const top = (item) => item.getBoundingClientRect().top;
  const others = items.filter((item) => (top(item) - top(items[here])) * way > 4);
  if (!others.length) return null;
  const row = others.reduce((best, item) => ((top(item) - top(best)) * way < 0 ? item : best));
  const level = others.filter((item) => Math.abs(top(item) - top(row)) <= 4);
  return level.reduce((best, item) =>
    Math.abs(middle(item) - middle(items[here])) < Math.abs(middle(best) - middle(items[here])) ? item : best,
  );
}

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-opens]");
  if (opener) {
    const dialog = document.getElementById(opener.dataset.opens);
    if (dialog.id === "help") fill(dialog.querySelector("dl"));
    dialog.showModal();
  } else if (event.target.matches("dialog")) {
    event.target.close();
  }
});

function fill(list) {
  const lines = new Map();
  for (const one of document.querySelectorAll("[data-key][data-help]")) {
    if (!one.closest("dialog")) lines.set(one.dataset.key, one.dataset.help);
  }
  for (const one of document.querySelectorAll("[data-arrows-help]")) lines.set("← → ↑ ↓", one.dataset.arrowsHelp);
  lines.set("Tab", "Next link or button");
  list.replaceChildren(
    ...[...lines].flatMap(([key, help]) => {
      const term = document.createElement("dt");
      term.append(...key.split(" ").map((part) => Object.assign(document.createElement("kbd"), { textContent: part })));
      return [term, Object.assign(document.createElement("dd"), { textContent: help })];
    }),
  );
}

document.addEventListener("click", (event) => {
  const closer = event.target.closest("[data-closes]");
  if (closer) document.getElementById(closer.dataset.closes).replaceChildren();
});
