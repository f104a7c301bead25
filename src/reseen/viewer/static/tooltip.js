// Tooltip of the point under the pointer, or in the center of the map with keyboard control.

import { clusterName, factsOf, formatTime, picture, searchFor } from "./facts.js";

const DELAY = 60; // milliseconds

export class Tooltip {
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

  // across, down: position in pixels of the stage; stays: whether the tooltip stays open, so that its link can be used.
  show(key, across, down, stays) {
    this.#put(across, down);
    this.box.classList.toggle("stays", stays);
    if (this.key === key) return;
    this.key = key;
    this.box.hidden = true;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#fill(key), DELAY);
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
    line(formatTime(facts.time));
    line(clusterName(facts.cluster));
    line(facts.image, "path");
    lines.append(Object.assign(document.createElement("a"), { href: searchFor(key), textContent: "Search for this crop" }));
    this.box.replaceChildren(image, lines);
    this.box.hidden = false;
    this.#put(...this.#at);
  }

  #put(across, down) {
    this.#at = [across, down];
    this.ring.hidden = false;
    this.ring.style.left = `${across}px`;
    this.ring.style.top = `${down}px`;
    const [stageWidth, stageHeight] = [this.stage.clientWidth, this.stage.clientHeight];
    const [width, height] = [this.box.offsetWidth, this.box.offsetHeight];
    const left = across + 18 + width > stageWidth ? across - 18 - width : across + 18;
    this.box.style.left = `${Math.max(8, Math.min(stageWidth - width - 8, left))}px`;
    this.box.style.top = `${Math.max(8, Math.min(stageHeight - height - 8, down - height / 2))}px`;
  }
}
