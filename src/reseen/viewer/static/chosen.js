// The crops inside a lasso: thumbnails, paths to copy, a table to keep.

import { asCsv, factsOf, picture, searchFor } from "./facts.js";

const EACH = 60;
const MOST_MENDED = 500;

export class Chosen {
  constructor(section, cleared) {
    this.section = section;
    this.title = section.querySelector("h2");
    this.list = section.querySelector("ul");
    this.keys = [];
    const on = (id, act) => section.querySelector(id).addEventListener("click", act);
    on("#more", () => this.#grow());
    on("#clear", () => {
      this.show([]);
      cleared();
    });
    on("#copy", (event) => this.#copy(event.target));
    on("#save", () => this.#save());
    this.form = section.querySelector("form");
    this.form.addEventListener("submit", () => this.#hand());
  }

  show(keys) {
    this.keys = keys;
    this.list.replaceChildren();
    this.section.hidden = !keys.length;
    const noun = keys.length === 1 ? "crop" : "crops";
    this.title.textContent = `${keys.length.toLocaleString("en")} ${noun} in the lasso`;
    for (const button of this.form.querySelectorAll("button")) button.disabled = keys.length > MOST_MENDED;
    this.#grow();
  }

  // The crops go along with the form, which leads back here.
  #hand() {
    const field = (name, value) => Object.assign(document.createElement("input"), { type: "hidden", name, value });
    for (const old of this.form.querySelectorAll("input[name=crops]")) old.remove();
    this.form.append(...this.keys.map((key) => field("crops", key)));
    this.form.querySelector("input[name=back]").value = location.pathname + location.search;
  }

  async #grow() {
    const begin = this.list.children.length;
    const part = this.keys.slice(begin, begin + EACH);
    this.list.append(...part.map((key) => item(key)));
    this.section.querySelector("#more").parentElement.hidden = begin + part.length >= this.keys.length;
    const asked = this.keys;
    const facts = await factsOf(part).catch(() => []);
    if (asked !== this.keys) return;
    for (const one of facts) {
      const place = this.list.children[this.keys.indexOf(one.key)];
      place.querySelector("a").setAttribute("aria-label", `Search for ${one.image}`);
      place.querySelector(".words").textContent = one.camera ?? "unknown camera";
    }
  }

  async #copy(button) {
    const facts = await factsOf(this.keys);
    await navigator.clipboard.writeText(facts.map((one) => `${one.source}/${one.image}`).join("\n"));
    const said = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = said), 1500);
  }

  async #save() {
    const facts = await factsOf(this.keys);
    const address = URL.createObjectURL(new Blob([asCsv(facts)], { type: "text/csv" }));
    const link = Object.assign(document.createElement("a"), { href: address, download: "crops.csv" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  }
}

function item(key) {
  const image = Object.assign(document.createElement("img"), {
    src: picture(key), alt: "", className: "crop", loading: "lazy",
  });
  const link = Object.assign(document.createElement("a"), { href: searchFor(key) });
  link.append(image);
  const words = Object.assign(document.createElement("p"), { className: "words" });
  const one = document.createElement("li");
  one.append(link, words);
  return one;
}
