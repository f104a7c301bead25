// The search page: upload an image by drop, file dialog or paste; queries by a crop of the gallery are in the URL.

const KINDS = /^image\//;

const form = () => document.getElementById("ask");
const field = () => document.getElementById("image");

// A query by a crop of the gallery is a GET request, which can be bookmarked; an uploaded image is posted.
document.addEventListener(
  "submit",
  (event) => {
    if (event.target !== form()) return;
    const sent = field().files.length > 0;
    form().method = sent ? "post" : "get";
    field().disabled = !sent;
    setTimeout(() => (field().disabled = false));
    for (const one of form().querySelectorAll("input:not([type=file]), select")) {
      const omitted = !sent && one.value === "" && !one.disabled;
      if (omitted) {
        one.disabled = true;
        setTimeout(() => (one.disabled = false));
      }
    }
  },
  true,
);

// Previews the selected image, or shows why it is rejected.
document.addEventListener(
  "change",
  (event) => {
    if (event.target !== field()) return;
    const [file] = field().files;
    const problem = file ? problemWith(file) : "";
    if (problem) {
      field().value = "";
      event.stopImmediatePropagation();
      showProblem(problem);
    }
    preview(problem ? undefined : file);
    if (!file && !problem) event.stopImmediatePropagation();
  },
  true,
);

function problemWith(file) {
  const maxBytes = Number(form().dataset.most);
  if (file.size > maxBytes) return `This image has ${(file.size / 1e6).toFixed(0)} MB; at most ${maxBytes / 1e6} MB are allowed. Upload a crop of one person.`;
  if (file.type && !KINDS.test(file.type)) return `${file.name} is not an image. Choose a JPEG, PNG or WebP of one person.`;
  return "";
}

function showProblem(message) {
  const line = Object.assign(document.createElement("p"), { className: "problem", textContent: message });
  line.setAttribute("role", "alert");
  document.getElementById("found").replaceChildren(line);
}

function preview(file) {
  const image = document.getElementById("preview");
  if (image.src) URL.revokeObjectURL(image.src);
  image.hidden = !file;
  if (!file) {
    image.removeAttribute("src");
    return;
  }
  image.src = URL.createObjectURL(file);
  document.querySelector("#query input[name=key]").value = "";
  document.querySelector("#query .query")?.remove();
  if (location.search) history.pushState({}, "", "/search");
}

function useFirstFile(files) {
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
  useFirstFile(event.dataTransfer.files);
});
document.addEventListener("paste", (event) => {
  if (event.clipboardData?.files.length) useFirstFile(event.clipboardData.files);
});
