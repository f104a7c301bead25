// Pages of people: the dialog for a name, and the focus, which stays in its place when a correction redraws the page.

const itemsOf = (list) => [...list.querySelectorAll(list.dataset.arrows)];
const nameOf = (item) => item.getAttribute("href") ?? item.value;
let place = null; // the item of a list that was in focus last: its name and its number

document.addEventListener("focusin", (event) => {
  const list = event.target.closest("[data-arrows]");
  const number = list ? itemsOf(list).indexOf(event.target) : -1;
  if (number >= 0) place = { name: nameOf(event.target), number };
});

// Back to the same item, or to the one that has taken its place.
document.addEventListener("swapped", () => {
  const list = document.querySelector("[data-arrows-first]");
  if (!place || !list || document.activeElement !== document.body) return;
  const items = itemsOf(list);
  const next = items.find((item) => nameOf(item) === place.name) ?? items[Math.min(place.number, items.length - 1)];
  next?.focus();
});

// Another person: the place on the page before means nothing there.
addEventListener("popstate", () => (place = null));
document.addEventListener("click", (event) => {
  if (event.target.closest("a[data-swap]")) place = null;
  const opener = event.target.closest('[data-opens="naming"]');
  if (opener) {
    const form = document.querySelector("#naming form");
    form.querySelector("h2").textContent = `Name ${opener.dataset.title}`;
    form.querySelector("input[name=people]").value = opener.dataset.person;
    form.querySelector("input[name=to]").value = opener.dataset.name;
    form.querySelector("input[name=to]").select();
  }
  if (event.target.closest("[data-cancels]")) event.target.closest("dialog").close();
});
