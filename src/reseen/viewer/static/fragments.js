// Partial page updates: links and forms with data-swap="id ..." fetch a page and replace the elements with these ids.
// Without this script the same links and forms load whole pages.

const busy = new Set();

export async function swap(request, ids, { push = true } = {}) {
  const name = ids.join(" ");
  if (busy.has(name)) return;
  busy.add(name);
  document.documentElement.classList.add("busy");
  const slowNotice = setTimeout(() => notify("Loading …"), 1500);
  try {
    const sent = new Request(request);
    sent.headers.set("Accept", "text/html");
    const response = await fetch(sent);
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    if (!page.getElementById("main") || page.body.classList.contains("login")) {
      location.assign(response.url);
      return;
    }
    const missing = ids.some((id) => !page.getElementById(id) || !document.getElementById(id));
    for (const id of missing ? ["main", "notice"] : [...ids, "notice"]) {
      document.getElementById(id).replaceWith(document.adoptNode(page.getElementById(id)));
    }
    document.title = page.title;
    if (push && (sent.method === "GET" || response.redirected) && response.url !== location.href) history.pushState({}, "", response.url);
    document.dispatchEvent(new CustomEvent("swapped", { detail: { ids } }));
  } catch {
    notify("The viewer does not respond. Is `reseen view` still running?", true);
  } finally {
    clearTimeout(slowNotice);
    busy.delete(name);
    document.documentElement.classList.remove("busy");
  }
}

export function notify(message, isError = false) {
  const notice = document.getElementById("notice");
  const line = document.createElement("p");
  line.textContent = message;
  if (isError) line.className = "bad";
  notice.replaceChildren(line);
}

// The request that a form would send: fields in the query for GET, in the body otherwise.
export function requestOf(form, submitter) {
  const data = new FormData(form, submitter);
  const action = submitter?.getAttribute("formaction") || form.action;
  const url = new URL(action, location.href);
  if (form.method === "get") {
    url.search = new URLSearchParams(data);
    return new Request(url);
  }
  const files = [...data.values()].some((value) => value instanceof File);
  return new Request(url, { method: "POST", body: files ? data : new URLSearchParams(data) });
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

// Filters are applied as soon as a value changes.
document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-at-once]");
  if (form) form.requestSubmit();
});

addEventListener("popstate", () => swap(location.href, ["main"], { push: false }));
