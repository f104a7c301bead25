// Colors of the points, and the legend. Clicking an entry of the legend dims all other groups.

import { css, palette } from "./palette.js";

const DIMMED_ALPHA = 26;
const MAX_ENTRIES = 24;

// The group number of each point, and the groups with number, name and count. `by` is "cluster" or "camera".
export function groupsOf(points, by, cameras) {
  const numbers = by === "camera" ? points.cameras : points.clusters;
  const counts = new Map();
  for (const number of numbers) counts.set(number, (counts.get(number) || 0) + 1);
  const order = [...counts.keys()].sort((a, b) => (a < 0) - (b < 0) || a - b);
  const groups = order.map((number) => ({ number, count: counts.get(number), name: nameOf(number, by, cameras) }));
  return { numbers, groups };
}

function nameOf(number, by, cameras) {
  if (by === "camera") return number < 0 ? "unknown camera" : cameras[number];
  if (number === -2) return "never clustered";
  return number < 0 ? "outlier" : `Cluster ${number}`;
}

// RGBA of every point, and the drawing order: gray and dimmed points first, so that the others are on top.
export function paint({ numbers }, only) {
  const { colors, gray } = palette();
  const count = numbers.length;
  const alpha = count > 20000 ? 190 : 225;
  const painted = new Uint8Array(4 * count);
  const below = [];
  const above = [];
  for (const i of shuffled(count)) {
    const number = numbers[i];
    const color = number < 0 ? gray : colors[number % colors.length];
    const lit = only === null || only === number;
    painted[4 * i] = color[0];
    painted[4 * i + 1] = color[1];
    painted[4 * i + 2] = color[2];
    painted[4 * i + 3] = lit ? (number < 0 ? alpha * 0.7 : alpha) : DIMMED_ALPHA;
    (number < 0 || !lit ? below : above).push(i);
  }
  return { painted, order: Uint32Array.from([...below, ...above]), below: below.length };
}

// A reproducible random permutation, so that no group covers another just because of its number.
function shuffled(count) {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  let state = 1;
  for (let i = count - 1; i > 0; i -= 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const j = Math.floor((state / 4294967296) * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

export function legend(aside, { groups }, by, only, choose) {
  const { colors, gray } = palette();
  aside.querySelector("h2").textContent = by === "camera" ? "Cameras" : "Clusters";
  const named = groups.filter(({ number }) => number >= 0);
  const unassigned = groups.filter(({ number }) => number < 0);
  const shown = by === "camera" ? named : [...named].sort((a, b) => b.count - a.count).slice(0, MAX_ENTRIES);
  aside.querySelector("ul").replaceChildren(
    ...[...shown, ...unassigned].map(({ number, name, count }) => {
      const button = Object.assign(document.createElement("button"), { type: "button", className: "quiet" });
      const dot = document.createElement("i");
      dot.style.background = css(number < 0 ? gray : colors[number % colors.length]);
      const label = Object.assign(document.createElement("span"), { textContent: name });
      const size = Object.assign(document.createElement("b"), { textContent: count.toLocaleString("en") });
      button.append(dot, label, size);
      button.setAttribute("aria-pressed", String(only === number));
      button.addEventListener("click", () => choose(only === number ? null : number));
      const item = document.createElement("li");
      item.append(button);
      return item;
    }),
  );
  const hidden = named.length - shown.length;
  const repeat = named.length > colors.length ? "Colors repeat: adjacent points of the same color may be in different clusters." : "";
  aside.querySelector("p").textContent = [hidden > 0 ? `and ${hidden.toLocaleString("en")} more.` : "", repeat]
    .filter(Boolean)
    .join(" ");
}
