// Metadata of crops, fetched once per key, and how it is formatted.

const cache = new Map();
const BATCH_SIZE = 5000;

export async function factsOf(keys) {
  const missing = keys.filter((key) => !cache.has(key));
  for (let start = 0; start < missing.length; start += BATCH_SIZE) {
    const response = await fetch("/api/entries", {
      method: "POST",
      credentials: "same-origin",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ keys: missing.slice(start, start + BATCH_SIZE) }),
    });
    if (!response.ok) throw new Error(`the viewer responded with status ${response.status}`);
    for (const facts of await response.json()) cache.set(facts.key, facts);
  }
  return keys.map((key) => cache.get(key)).filter(Boolean);
}

// Same format as on the server: a date if the number is a Unix time since 1973, else seconds.
export function formatTime(seconds) {
  if (seconds === null) return "";
  if (seconds >= 1e8) return new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ");
  return `${seconds.toFixed(1)} s`;
}

export function clusterName(cluster) {
  if (cluster === null || cluster === -2) return "never clustered";
  return cluster === -1 ? "outlier" : `cluster ${cluster}`;
}

export const picture = (key) => `/thumbnails/${key}.jpg`;
export const searchFor = (key) => `/search?key=${key}`;

const COLUMNS = ["source", "image", "camera", "time", "tracklet", "cluster", "key"];

// CSV with a ' before cells that a spreadsheet would execute as formulas.
export function asCsv(facts) {
  const cell = (value) => {
    const text = value === null || value === undefined ? "" : String(value);
    const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  const lines = facts.map((one) => COLUMNS.map((column) => cell(one[column])).join(","));
  return `${[COLUMNS.join(","), ...lines].join("\r\n")}\r\n`;
}
