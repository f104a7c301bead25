// Translates mouse, touch and keyboard events on the map to gestures: pan, zoom, hover, click, lasso.

const KEY_STEP = 60;
const CLICK_TOLERANCE = 5;

// handlers: pan(x, y), zoom(factor, x, y), point(x, y), leave(), press(x, y, touch), reset(), key(event),
// line(pixels, finished); drawing(): whether a drag draws a lasso. Coordinates are pixels of the canvas.
export function listen(canvas, handlers) {
  const fingers = new Map();
  let line = null;
  let moved = 0;
  let apart = 0;

  const positionOf = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, positionOf(event));
    moved = fingers.size > 1 ? CLICK_TOLERANCE + 1 : 0;
    apart = distance(fingers);
    line = fingers.size === 1 && (handlers.drawing() || event.shiftKey) ? [positionOf(event)] : null;
  });

  canvas.addEventListener("pointermove", (event) => {
    const now = positionOf(event);
    const before = fingers.get(event.pointerId);
    if (!before) {
      if (event.pointerType !== "touch") handlers.point(...now);
      return;
    }
    const [across, down] = [now[0] - before[0], now[1] - before[1]];
    moved += Math.abs(across) + Math.abs(down);
    fingers.set(event.pointerId, now);
    if (line) {
      line.push(now);
      handlers.line(line, false);
    } else {
      if (moved > CLICK_TOLERANCE) handlers.pan(across / fingers.size, down / fingers.size);
      if (fingers.size === 2) {
        const middle = [...fingers.values()].reduce(([x, y], [px, py]) => [x + px / 2, y + py / 2], [0, 0]);
        const wide = distance(fingers);
        if (apart > 0 && wide > 0) handlers.zoom(wide / apart, ...middle);
        apart = wide;
      }
    }
  });

  const end = (event) => {
    if (!fingers.delete(event.pointerId)) return;
    apart = distance(fingers);
    if (line && moved > CLICK_TOLERANCE) handlers.line(line, event.type === "pointerup");
    else if (moved <= CLICK_TOLERANCE && event.type === "pointerup") handlers.press(...positionOf(event), event.pointerType === "touch");
    line = null;
  };
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
  canvas.addEventListener("pointerleave", () => handlers.leave());
  canvas.addEventListener("dblclick", (event) => event.preventDefault());
  canvas.addEventListener("click", () => canvas.focus()); // the keyboard shortcut of the map clicks it

  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const lines = event.deltaMode === 1 ? 16 : 1;
      handlers.zoom(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0018)), ...positionOf(event));
    },
    { passive: false },
  );

  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const way = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (way) handlers.pan(way[0] * KEY_STEP, way[1] * KEY_STEP);
    else if (event.key === "+" || event.key === "=") handlers.zoom(1.4, canvas.clientWidth / 2, canvas.clientHeight / 2);
    else if (event.key === "-" || event.key === "_") handlers.zoom(1 / 1.4, canvas.clientWidth / 2, canvas.clientHeight / 2);
    else if (event.key === "0") handlers.reset();
    else if (event.key !== "Enter" && event.key !== "Escape") return;
    event.preventDefault();
    handlers.key(event);
  });
}

function distance(fingers) {
  const [one, two] = [...fingers.values()];
  return two ? Math.hypot(one[0] - two[0], one[1] - two[1]) : 0;
}
