"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const questions = data.questions;
const store = `reseen-answers-${data.sheet}-${questions.length}-${questions.length ? questions[0].crops[0].path : ""}`;
const at = (id) => document.getElementById(id);
let said = load();

function load() {
  try {
    const kept = JSON.parse(localStorage.getItem(store) || "[]");
    return Array.isArray(kept) ? kept.slice(0, questions.length) : [];
  } catch { return []; }
}

function keep() {
  try { localStorage.setItem(store, JSON.stringify(said)); } catch { at("saved").textContent = "This browser does not store answers: save before you close the page."; }
}

function picture(crop) {
  const space = "http://www.w3.org/2000/svg";
  const frame = document.createElementNS(space, "svg");
  frame.setAttribute("viewBox", `0 0 ${crop.width} ${crop.height}`);
  frame.setAttribute("role", "img");
  frame.setAttribute("aria-label", "crop");
  const use = document.createElementNS(space, "use");
  use.setAttribute("href", `#${crop.name}`);
  frame.append(use);
  return frame;
}

function draw() {
  const place = said.length, count = questions.length, over = place >= count;
  at("bar").style.width = `${count ? (100 * place) / count : 100}%`;
  at("place").textContent = over ? `All ${count} answered` : `Question ${place + 1} of ${count}`;
  const of = (word) => said.filter((one) => one === word).length;
  at("tally").textContent = `${of("same")} same · ${of("different")} different · ${of("unsure")} unsure`;
  at("undo").disabled = !place;
  at("save").disabled = !place && !data.earlier.length;
  at("buttons").hidden = over;
  at("buttons").style.display = over ? "none" : "";
  const stage = at("stage");
  stage.replaceChildren();
  if (over) {
    at("words").textContent = "Done. Thank you.";
    const last = document.createElement("p"), command = document.createElement("pre");
    last.textContent = "Save the file, then run:";
    command.textContent = "reseen audit RUN --data DIR --answers answers.csv";
    stage.className = "done";
    stage.append(last, command);
    return;
  }
  const question = questions[place], pair = question.crops.length === 2;
  at("words").textContent = pair ? "Do both crops show the same person?" : "Do all crops show the same person?";
  stage.className = `stage ${pair ? "pair" : "group"}`;
  stage.append(...question.crops.map(picture));
}

function answer(word) {
  if (said.length >= questions.length) return;
  said.push(word);
  keep();
  draw();
}

function undo() {
  if (!said.length) return;
  said.pop();
  keep();
  draw();
}

function cell(text) {
  // spreadsheets evaluate cells that start like a formula; reseen removes the apostrophe when reading
  const plain = /^'*[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}

function table() {
  const rows = data.earlier.map(([sheet, stratum, word, paths]) => [sheet, stratum, word, ...paths]);
  said.forEach((word, place) => {
    const question = questions[place];
    rows.push([data.sheet, question.stratum, word, ...question.crops.map((crop) => crop.path)]);
  });
  const width = Math.max(5, ...rows.map((row) => row.length));
  const head = ["sheet", "stratum", "answer"];
  while (head.length < width) head.push(`crop_${head.length - 2}`);
  const padded = rows.map((row) => [...row, ...Array(width - row.length).fill("")]);
  return [head, ...padded].map((row) => row.map(cell).join(",")).join("\n") + "\n";
}

function save() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([table()], { type: "text/csv" }));
  link.download = "answers.csv";
  link.click();
  URL.revokeObjectURL(link.href);
  at("saved").textContent = `${said.length} new answers saved${data.earlier.length ? `, and ${data.earlier.length} earlier ones` : ""}.`;
}

at("buttons").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) answer(button.dataset.said);
});
at("undo").addEventListener("click", undo);
at("save").addEventListener("click", save);
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const word = { 1: "same", 2: "different", 3: "unsure" }[event.key];
  if (word) answer(word);
  else if (event.key === "Backspace") { event.preventDefault(); undo(); }
  else if (event.key.toLowerCase() === "s") save();
});
if (data.earlier.length) at("earlier").textContent = `${data.earlier.length} earlier answers are saved to the file as well`;
draw();
