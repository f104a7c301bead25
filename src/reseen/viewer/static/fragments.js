// Links and forms marked data-swap="id ..." fetch a page and put its parts of these ids in place of the ones here.
// Without this script the same links and forms load whole pages.

const busy = new Set();

export async function swap(request, ids, { push = true } = {}) {
  const name = ids.join(" ");
  if (busy.has(name)) return;
  busy.add(name);
  document.documentElement.classList.add("busy");
  const patience = setTimeout(() => say("Still at work …"), 1500);
  try {
    const asked = new Request(request);
    asked.headers.set("Accept", "text/html");
    const answer = await fetch(asked);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (!page.getElementById("main") || page.body.classList.contains("door")) {
      location.assign(answer.url);
      return;
    }
    const missing = ids.some((id) => !page.getElementById(id) || !document.getElementById(id));
    for (const id of missing ? ["main", "notice"] : [...ids, "notice"]) {
      document.getElementById(id).replaceWith(document.adoptNode(page.getElementById(id)));
    }
    document.title = page.title;
    if (push && (asked.method === "GET" || answer.redirected) && answer.url !== location.href) history.pushState({}, "", answer.url);
    document.dispatchEvent(new CustomEvent("swapped", { detail: { ids } }));
  } catch {
    say("The viewer does not answer. Is `reseen view` still running?", true);
  } finally {
    clearTimeout(patience);
    busy.delete(name);
    document.documentElement.classList.remove("busy");
  }
}

export function say(words, bad = false) {
  const notice = document.getElementById("notice");
  const line = document.createElement("p");
  line.textContent = words;
  if (bad) line.className = "bad";
  notice.replaceChildren(line);
}

// A form as a request: in the address for GET, in the body otherwise.
export function requestOf(form, submitter) {
  const data = new FormData(form, submitter);
  const action = submitter?.getAttribute("formaction") || form.action;
  const address = new URL(action, location.href);
  if (form.method === "get") {
    address.search = new URLSearchParams(data);
    return new Request(address);
  }
  const files = [...data.values()].some((value) => value instanceof File);
  return new Request(address, { method: "POST", body: files ? data : new URLSearchParams(data) });
}

const idsOf = (element) => element.dataset.swap.split(" ").filter(Boolean);

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-swap]");
  if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  swap(link.href, idsOf(link));
});

document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-swap]");
  if (!form || event.defaultPrevented) return;
  event.preventDefault();
  swap(requestOf(form, event.submitter), idsOf(form));
});

// Filters apply when a choice is made.
document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-at-once]");
  if (form) form.requestSubmit();
});

addEventListener("popstate", () => swap(location.href, ["main"], { push: false }));
