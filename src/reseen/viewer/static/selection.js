// Panel of the crops selected by the lasso: thumbnails, copy paths, download CSV, edit.

import { asCsv, factsOf, picture, searchFor } from "./facts.js";

const PAGE_SIZE = 60;
const MAX_EDITED = 500;

export class Selection {
  constructor(section, cleared) {
    this.section = section;
    this.title = section.querySelector("h2");
    this.list = section.querySelector("ul");
    this.keys = [];
    const on = (id, handler) => section.querySelector(id).addEventListener("click", handler);
    on("#more", () => this.#showMore());
    on("#clear", () => {
      this.show([]);
      cleared();
    });
    on("#copy", (event) => this.#copy(event.target));
    on("#save", () => this.#save());
    this.form = section.querySelector("form");
    this.form.addEventListener("submit", () => this.#addKeys());
  }

  show(keys) {
    this.keys = keys;
    this.list.replaceChildren();
    this.section.hidden = !keys.length;
    const noun = keys.length === 1 ? "crop" : "crops";
    this.title.textContent = `${keys.length.toLocaleString("en")} ${noun} selected`;
    for (const button of this.form.querySelectorAll("button")) button.disabled = keys.length > MAX_EDITED;
    this.#showMore();
  }

  // Adds the keys to the edit form, and this page as the one to return to.
  #addKeys() {
    const field = (name, value) => Object.assign(document.createElement("input"), { type: "hidden", name, value });
    for (const old of this.form.querySelectorAll("input[name=crops]")) old.remove();
    this.form.append(...this.keys.map((key) => field("crops", key)));
    this.form.querySelector("input[name=back]").value = location.pathname + location.search;
  }

  async #showMore() {
    const begin = this.list.children.length;
    const part = this.keys.slice(begin, begin + PAGE_SIZE);
    this.list.append(...part.map((key) => createItem(key)));
    this.section.querySelector("#more").parentElement.hidden = begin + part.length >= this.keys.length;
    const current = this.keys;
    const facts = await factsOf(part).catch(() => []);
    if (current !== this.keys) return;
    for (const one of facts) {
      const item = this.list.children[this.keys.indexOf(one.key)];
      item.querySelector("a").setAttribute("aria-label", `Search for ${one.image}`);
      item.querySelector(".words").textContent = one.camera ?? "unknown camera";
    }
  }

  async #copy(button) {
    const facts = await factsOf(this.keys);
    await navigator.clipboard.writeText(facts.map((one) => `${one.source}/${one.image}`).join("\n"));
    const label = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = label), 1500);
  }

  async #save() {
    const facts = await factsOf(this.keys);
    const address = URL.createObjectURL(new Blob([asCsv(facts)], { type: "text/csv" }));
    const link = Object.assign(document.createElement("a"), { href: address, download: "crops.csv" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  }
}

function createItem(key) {
  const image = Object.assign(document.createElement("img"), {
    src: picture(key), alt: "", className: "crop", loading: "lazy",
  });
  const link = Object.assign(document.createElement("a"), { href: searchFor(key) });
  link.append(image);
  const caption = Object.assign(document.createElement("p"), { className: "words" });
  const item = document.createElement("li");
  item.append(link, caption);
  return item;
}
