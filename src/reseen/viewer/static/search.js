// The search page: an image by dropping, choosing or pasting; a crop of the gallery stays in the address.

const KINDS = /^image\//;

const form = () => document.getElementById("ask");
const field = () => document.getElementById("image");

// A search for a crop of the gallery goes by its address, which can be kept; one for an image is sent.
document.addEventListener(
  "submit",
  (event) => {
    if (event.target !== form()) return;
    const sent = field().files.length > 0;
    form().method = sent ? "post" : "get";
    field().disabled = !sent;
    setTimeout(() => (field().disabled = false));
    for (const one of form().querySelectorAll("input:not([type=file]), select")) {
      const spare = !sent && one.value === "" && !one.disabled;
      if (spare) {
        one.disabled = true;
        setTimeout(() => (one.disabled = false));
      }
    }
  },
  true,
);

// The image that was chosen, or why it cannot be.
document.addEventListener(
  "change",
  (event) => {
    if (event.target !== field()) return;
    const [file] = field().files;
    const wrong = file ? problemWith(file) : "";
    if (wrong) {
      field().value = "";
      event.stopImmediatePropagation();
      complain(wrong);
    }
    look(wrong ? undefined : file);
    if (!file && !wrong) event.stopImmediatePropagation();
  },
  true,
);

function problemWith(file) {
  const most = Number(form().dataset.most);
  if (file.size > most) return `This image has ${(file.size / 1e6).toFixed(0)} MB; at most ${most / 1e6} MB are taken. A crop of one person is enough.`;
  if (file.type && !KINDS.test(file.type)) return `${file.name} is no image. Choose a JPEG, PNG or WebP of one person.`;
  return "";
}

function complain(words) {
  const line = Object.assign(document.createElement("p"), { className: "problem", textContent: words });
  line.setAttribute("role", "alert");
  document.getElementById("found").replaceChildren(line);
}

function look(file) {
  const preview = document.getElementById("preview");
  if (preview.src) URL.revokeObjectURL(preview.src);
  preview.hidden = !file;
  if (!file) {
    preview.removeAttribute("src");
    return;
  }
  preview.src = URL.createObjectURL(file);
  document.querySelector("#query input[name=key]").value = "";
  document.querySelector("#query .query")?.remove();
  if (location.search) history.pushState({}, "", "/search");
}

function take(files) {
  if (!files.length || !form()) return;
  const one = new DataTransfer();
  one.items.add(files[0]);
  field().files = one.files;
  field().dispatchEvent(new Event("change", { bubbles: true }));
}

document.addEventListener("dragover", (event) => {
  if (!event.dataTransfer?.types.includes("Files") || !form()) return;
  event.preventDefault();
  document.documentElement.classList.add("dropping");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.documentElement.classList.remove("dropping");
});
document.addEventListener("drop", (event) => {
  document.documentElement.classList.remove("dropping");
  if (!event.dataTransfer?.files.length || !form()) return;
  event.preventDefault();
  take(event.dataTransfer.files);
});
document.addEventListener("paste", (event) => {
  if (event.clipboardData?.files.length) take(event.clipboardData.files);
});
