// Which point has which color, and the legend that says so. A name pressed in the legend leaves the others pale.

import { css, palette } from "./palette.js";

const PALE = 26;
const MOST_LINES = 24;

// Groups of a choice: for each point the place of its group, and the groups with name, count and color.
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
  return number < 0 ? "in no cluster" : `Cluster ${number}`;
}

// Red, green, blue, alpha of every point, and the order in which they are drawn: gray ones first.
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
    painted[4 * i + 3] = lit ? (number < 0 ? alpha * 0.7 : alpha) : PALE;
    (number < 0 || !lit ? below : above).push(i);
  }
  return { painted, order: Uint32Array.from([...below, ...above]) };
}

// The same mixed order every time, so that no group lies on another only because it comes later.
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
  const rest = groups.filter(({ number }) => number < 0);
  const shown = by === "camera" ? named : [...named].sort((a, b) => b.count - a.count).slice(0, MOST_LINES);
  aside.querySelector("ul").replaceChildren(
    ...[...shown, ...rest].map(({ number, name, count }) => {
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
  const repeat = named.length > colors.length ? "Colors repeat: neighbors of one color can be two clusters." : "";
  aside.querySelector("p").textContent = [hidden > 0 ? `and ${hidden.toLocaleString("en")} smaller ones.` : "", repeat]
    .filter(Boolean)
    .join(" ");
}
