// Mouse, fingers and keys on the map, as what they mean: pan, zoom, point at, press, draw a line.

const KEY_STEP = 60;
const STILL = 5;

// heard: pan(across, down), zoom(factor, across, down), point(across, down), leave(), press(across, down, touch),
// reset(), key(event), line(pixels, finished); drawing(): whether a drag draws a line.
export function listen(canvas, heard) {
  const fingers = new Map();
  let line = null;
  let moved = 0;
  let apart = 0;

  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, place(event));
    moved = fingers.size > 1 ? STILL + 1 : 0;
    apart = distance(fingers);
    line = fingers.size === 1 && (heard.drawing() || event.shiftKey) ? [place(event)] : null;
  });

  canvas.addEventListener("pointermove", (event) => {
    const now = place(event);
    const before = fingers.get(event.pointerId);
    if (!before) {
      if (event.pointerType !== "touch") heard.point(...now);
      return;
    }
    const [across, down] = [now[0] - before[0], now[1] - before[1]];
    moved += Math.abs(across) + Math.abs(down);
    fingers.set(event.pointerId, now);
    if (line) {
      line.push(now);
      heard.line(line, false);
    } else {
      if (moved > STILL) heard.pan(across / fingers.size, down / fingers.size);
      if (fingers.size === 2) {
        const middle = [...fingers.values()].reduce(([x, y], [px, py]) => [x + px / 2, y + py / 2], [0, 0]);
        const wide = distance(fingers);
        if (apart > 0 && wide > 0) heard.zoom(wide / apart, ...middle);
        apart = wide;
      }
    }
  });

  const end = (event) => {
    if (!fingers.delete(event.pointerId)) return;
    apart = distance(fingers);
    if (line && moved > STILL) heard.line(line, event.type === "pointerup");
    else if (moved <= STILL && event.type === "pointerup") heard.press(...place(event), event.pointerType === "touch");
    line = null;
  };
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
  canvas.addEventListener("pointerleave", () => heard.leave());
  canvas.addEventListener("dblclick", (event) => event.preventDefault());
  canvas.addEventListener("click", () => canvas.focus()); // a key that leads here clicks

  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const lines = event.deltaMode === 1 ? 16 : 1;
      heard.zoom(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0018)), ...place(event));
    },
    { passive: false },
  );

  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const way = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (way) heard.pan(way[0] * KEY_STEP, way[1] * KEY_STEP);
    else if (event.key === "+" || event.key === "=") heard.zoom(1.4, canvas.clientWidth / 2, canvas.clientHeight / 2);
    else if (event.key === "-" || event.key === "_") heard.zoom(1 / 1.4, canvas.clientWidth / 2, canvas.clientHeight / 2);
    else if (event.key === "0") heard.reset();
    else if (event.key !== "Enter" && event.key !== "Escape") return;
    event.preventDefault();
    heard.key(event);
  });
}

function distance(fingers) {
  const [one, two] = [...fingers.values()];
  return two ? Math.hypot(one[0] - two[0], one[1] - two[1]) : 0;
}
