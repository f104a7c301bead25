// The points of the map, in the binary format of the server (maps.py).

const HEADER = 8;
const POLL_INTERVAL = 400; // milliseconds

export function parse(buffer) {
  const magic = new TextDecoder().decode(buffer.slice(0, 4));
  if (magic !== "RSP1") throw new Error("invalid data");
  const count = new DataView(buffer).getUint32(4, true);
  if (buffer.byteLength !== HEADER + 32 * count) throw new Error("truncated data");
  return {
    count,
    coordinates: new Float32Array(buffer, HEADER, 2 * count),
    cameras: new Int32Array(buffer, HEADER + 8 * count, count),
    clusters: new Int32Array(buffer, HEADER + 12 * count, count),
    keys: new Uint8Array(buffer, HEADER + 16 * count, 16 * count),
  };
}

// The key of a point as text: 8-4-4-4-12 hexadecimal digits.
export function keyOf(points, index) {
  const digits = [...points.keys.subarray(16 * index, 16 * index + 16)]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
  return [0, 8, 12, 16, 20].map((start, part) => digits.slice(start, [8, 12, 16, 20, 32][part])).join("-");
}

// Polls until the points are computed; `progress` is called with the fraction done.
export async function fetchPoints(layout, progress, signal) {
  for (;;) {
    const response = await fetch(`/map/points?layout=${layout}`, { credentials: "same-origin", signal });
    if (response.status === 200) return parse(await response.arrayBuffer());
    if (response.status !== 202) throw new Error(`the viewer responded with status ${response.status}`);
    progress((await response.json()).share);
    await new Promise((resolve) => setTimeout(resolve, POLL_INTERVAL));
  }
}
