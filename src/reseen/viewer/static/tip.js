// The card beside the point that the mouse, a finger or the middle of the map is at.

import { clusterName, factsOf, moment, picture, searchFor } from "./facts.js";

const PATIENCE = 60;

export class Tip {
  constructor(stage) {
    this.stage = stage;
    this.box = stage.querySelector(".tip");
    this.ring = stage.querySelector(".ring");
    this.key = null;
  }

  hide() {
    this.key = null;
    this.box.hidden = this.ring.hidden = true;
    clearTimeout(this.timer);
  }

  // The point's place in pixels of the stage; a card that stays can be pressed.
  show(key, across, down, stays) {
    this.#put(across, down);
    this.box.classList.toggle("stays", stays);
    if (this.key === key) return;
    this.key = key;
    this.box.hidden = true;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#fill(key), PATIENCE);
    this.#at = [across, down];
  }

  move(across, down) {
    this.#put(across, down);
  }

  #at = [0, 0];

  async #fill(key) {
    const [facts] = await factsOf([key]).catch(() => []);
    if (this.key !== key) return;
    if (!facts) {
      this.hide();
      return;
    }
    const image = Object.assign(document.createElement("img"), { src: picture(key), alt: "", className: "crop" });
    const lines = document.createElement("div");
    const line = (text, name = "") => {
      if (!text) return;
      lines.append(Object.assign(document.createElement("p"), { textContent: text, className: name }));
    };
    line(facts.camera === null ? "unknown camera" : `camera ${facts.camera}`, "strong");
    line(moment(facts.time));
    line(clusterName(facts.cluster));
    line(facts.image, "path");
    lines.append(Object.assign(document.createElement("a"), { href: searchFor(key), textContent: "Search for it" }));
    this.box.replaceChildren(image, lines);
    this.box.hidden = false;
    this.#put(...this.#at);
  }

  #put(across, down) {
    this.#at = [across, down];
    this.ring.hidden = false;
    this.ring.style.left = `${across}px`;
    this.ring.style.top = `${down}px`;
    const [wide, high] = [this.stage.clientWidth, this.stage.clientHeight];
    const [own, tall] = [this.box.offsetWidth, this.box.offsetHeight];
    const left = across + 18 + own > wide ? across - 18 - own : across + 18;
    this.box.style.left = `${Math.max(8, Math.min(wide - own - 8, left))}px`;
    this.box.style.top = `${Math.max(8, Math.min(high - tall - 8, down - tall / 2))}px`;
  }
}
