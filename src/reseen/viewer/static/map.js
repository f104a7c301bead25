// The map page: loads the points, and connects plot, colors, tooltip, lasso and legend.

import { Selection } from "./selection.js";
import { groupsOf, legend, paint } from "./coloring.js";
import { searchFor } from "./facts.js";
import { listen } from "./gestures.js";
import { Grid } from "./grid.js";
import { fetchPoints, keyOf } from "./points.js";
import { NoWebGl, Scatter } from "./scatter.js";
import { Tooltip } from "./tooltip.js";
import { View } from "./view.js";

const HOVER_RADIUS = 14;
const POINT_SIZES = [[2000, 9], [10000, 7], [40000, 5]]; // up to so many points: diameter in pixels

const map = document.getElementById("map");
function begin() {
  const stage = map.querySelector(".stage");
  const view = new View();
  let scatter;
  try {
    scatter = new Scatter(map.querySelector("canvas"), view);
  } catch (error) {
    if (!(error instanceof NoWebGl)) throw error;
    showError(stage, "The map needs WebGL 2, which this browser does not support. Enable it or use another browser; other pages do not need it.");
    if (error.message) console.error(error.message);
    return;
  }
  new MapPage(stage, view, scatter).load();
}

function showError(stage, message) {
  const wait = stage.querySelector(".wait");
  wait.hidden = false;
  wait.classList.add("failed");
  wait.replaceChildren(Object.assign(document.createElement("p"), { textContent: message }));
}

class MapPage {
  constructor(stage, view, scatter) {
    Object.assign(this, { stage, view, scatter, points: null, only: null, at: -1, byKeys: false });
    this.cameras = JSON.parse(map.dataset.cameras);
    this.tooltip = new Tooltip(stage);
    this.path = stage.querySelector("path");
    this.selection = new Selection(document.getElementById("chosen"), () => this.#trace([]));
    this.loop = [];
    scatter.drawn = (moving) => this.#follow(moving);
    new ResizeObserver(() => scatter.resize()).observe(stage);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.paint());
    document.getElementById("map-tools").addEventListener("change", ({ target }) => this.#change(target.name));
    this.#buttons();
    this.#gestures();
  }

  #value(name) {
    return document.querySelector(`#map-tools input[name=${name}]:checked`).value;
  }

  async load() {
    this.loading?.abort();
    this.loading = new AbortController();
    const wait = this.stage.querySelector(".wait");
    const bar = wait.querySelector("progress");
    wait.hidden = false;
    try {
      const points = await fetchPoints(this.#value("layout"), (share) => (bar.value = share), this.loading.signal);
      wait.hidden = true;
      this.#take(points);
    } catch (error) {
      if (error.name !== "AbortError") showError(this.stage, `Cannot load the points: ${error.message}. Is the viewer still running?`);
    }
  }

  #take(points) {
    this.points = points;
    this.grid = new Grid(points.coordinates);
    this.view.bounds = boundsOf(points.coordinates);
    this.view.reset();
    this.#trace([]);
    this.tooltip.hide();
    this.paint();
    map.dataset.ready = this.#value("layout");
  }

  paint() {
    if (!this.points) return;
    const by = this.#value("color");
    const groups = groupsOf(this.points, by, this.cameras);
    const { painted, order, below } = paint(groups, this.only);
    this.numbers = groups.numbers;
    this.scatter.show(this.points.coordinates, painted, order, below);
    legend(map.querySelector(".legend"), groups, by, this.only, (number) => {
      this.only = number;
      this.paint();
    });
  }

  #change(name) {
    if (name === "layout") this.load();
    if (name === "color") {
      this.only = null;
      this.paint();
    }
    const address = `/map?layout=${this.#value("layout")}&color=${this.#value("color")}`;
    if (name !== "drag") history.replaceState({}, "", address);
    this.stage.classList.toggle("drawing", this.#value("drag") === "lasso");
  }

  #isShown = (index) => this.only === null || this.numbers[index] === this.only;

  // After every frame: adapt the point size to the zoom, and move tooltip and lasso with their points.
  #follow(moving) {
    if (!this.points) return;
    if (moving) map.dataset.part = this.scatter.part.toFixed(2);
    const base = POINT_SIZES.find(([count]) => this.points.count <= count)?.[1] ?? 3.2;
    const scale = Math.min(1, Math.max(0.6, Math.min(this.view.width, this.view.height) / 500));
    const size = Math.min(16, base * scale * Math.max(1, this.view.zoom) ** 0.35);
    if (size !== this.scatter.size) {
      this.scatter.size = size;
      this.scatter.draw(moving);
    }
    if (this.byKeys) this.#pointAt(this.view.width / 2, this.view.height / 2, true);
    else if (this.at >= 0 && this.tooltip.key) this.tooltip.move(...this.#pixelsOf(this.at));
    this.#outline();
  }

  #pixelsOf(index) {
    return this.view.toPixels(this.points.coordinates[2 * index], this.points.coordinates[2 * index + 1]);
  }

  #pointAt(across, down, stays = false) {
    if (!this.points) return -1;
    const [x, y] = this.view.toPoint(across, down);
    this.at = this.grid.nearest(x, y, (stays ? 3 : 1) * (HOVER_RADIUS / this.view.unit), this.#isShown);
    if (this.at < 0) this.tooltip.hide();
    else this.tooltip.show(keyOf(this.points, this.at), ...this.#pixelsOf(this.at), stays);
    this.stage.classList.toggle("pointing", this.at >= 0 && !stays);
    return this.at;
  }

  #gestures() {
    const aim = this.stage.querySelector(".aim");
    const keys = (on) => {
      this.byKeys = on;
      aim.hidden = !on;
    };
    listen(this.scatter.canvas, {
      drawing: () => this.#value("drag") === "lasso",
      pan: (across, down) => this.#moved(() => this.view.pan(across, down)),
      zoom: (factor, across, down) => this.#moved(() => this.view.zoomAt(factor, across, down)),
      reset: () => this.#moved(() => this.view.reset()),
      point: (across, down) => {
        keys(false);
        this.next = [across, down];
        requestAnimationFrame(() => {
          if (this.next) this.#pointAt(...this.next);
          this.next = null;
        });
      },
      leave: () => {
        if (!this.byKeys && !this.tooltip.box.classList.contains("stays")) this.tooltip.hide();
        this.next = null;
      },
      press: (across, down, touch) => {
        keys(false);
        const index = this.#pointAt(across, down, touch);
        if (index >= 0 && !touch) location.assign(searchFor(keyOf(this.points, index)));
      },
      key: (event) => {
        keys(event.key !== "Escape");
        if (event.key === "Escape") this.tooltip.hide();
        if (event.key === "Enter" && this.at >= 0) location.assign(searchFor(keyOf(this.points, this.at)));
        this.scatter.draw();
      },
      line: (pixels, finished) => {
        this.#trace(pixels.map(([across, down]) => this.view.toPoint(across, down)));
        if (finished) this.#gather();
      },
    });
    this.scatter.canvas.addEventListener("blur", () => keys(false));
  }

  #moved(change) {
    change();
    this.scatter.draw(true);
  }

  #buttons() {
    const on = (id, act) => document.getElementById(id).addEventListener("click", () => this.#moved(act));
    on("nearer", () => this.view.zoomAt(1.6));
    on("farther", () => this.view.zoomAt(1 / 1.6));
    on("whole", () => this.view.reset());
  }

  #trace(loop) {
    this.loop = loop;
    this.#outline();
  }

  #outline() {
    const coordinates = this.loop.map(([x, y]) => this.view.toPixels(x, y).map((part) => part.toFixed(1)).join(" "));
    this.path.setAttribute("d", coordinates.length ? `M${coordinates.join("L")}Z` : "");
  }

  #gather() {
    const selected = this.points ? this.grid.within(this.loop, this.#isShown) : [];
    this.selection.show(selected.map((index) => keyOf(this.points, index)));
    if (!selected.length) this.#trace([]);
  }
}

function boundsOf(coordinates) {
  const bounds = { left: 1, right: -1, bottom: 1, top: -1 };
  for (let i = 0; i < coordinates.length; i += 2) {
    bounds.left = Math.min(bounds.left, coordinates[i]);
    bounds.right = Math.max(bounds.right, coordinates[i]);
    bounds.bottom = Math.min(bounds.bottom, coordinates[i + 1]);
    bounds.top = Math.max(bounds.top, coordinates[i + 1]);
  }
  return bounds;
}

if (map) begin();
