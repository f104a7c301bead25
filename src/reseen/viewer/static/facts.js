// What is known of crops, asked for once, and how it is written.

const known = new Map();
const AT_ONCE = 5000;

export async function factsOf(keys) {
  const missing = keys.filter((key) => !known.has(key));
  for (let start = 0; start < missing.length; start += AT_ONCE) {
    const answer = await fetch("/api/entries", {
      method: "POST",
      credentials: "same-origin",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ keys: missing.slice(start, start + AT_ONCE) }),
    });
    if (!answer.ok) throw new Error(`the viewer answered ${answer.status}`);
    for (const facts of await answer.json()) known.set(facts.key, facts);
  }
  return keys.map((key) => known.get(key)).filter(Boolean);
}

// As the server writes them: a date where the number can be one since 1973, else seconds.
export function moment(seconds) {
  if (seconds === null) return "";
  if (seconds >= 1e8) return new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ");
  return `${seconds.toFixed(1)} s`;
}

export function clusterName(cluster) {
  if (cluster === null || cluster === -2) return "never clustered";
  return cluster === -1 ? "in no cluster" : `cluster ${cluster}`;
}

export const picture = (key) => `/thumbnails/${key}.jpg`;
export const searchFor = (key) => `/search?key=${key}`;

const COLUMNS = ["source", "image", "camera", "time", "tracklet", "cluster", "key"];

// For spreadsheets too, which would run a cell that begins like a formula.
export function asCsv(facts) {
  const cell = (value) => {
    const text = value === null || value === undefined ? "" : String(value);
    const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  const lines = facts.map((one) => COLUMNS.map((column) => cell(one[column])).join(","));
  return `${[COLUMNS.join(","), ...lines].join("\r\n")}\r\n`;
}
