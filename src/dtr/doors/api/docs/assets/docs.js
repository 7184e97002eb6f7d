// Brings the documentation to life: finding operations, and sending requests from the forms.
// Names and passwords stay in their input fields; nothing is kept.

const CSRF_COOKIE = "csrftoken";
const CSRF_HEADER = "X-Csrf-Token";
const READING = new Set(["GET", "HEAD"]);
const MAX_SHOWN = 200_000;

const caller = document.getElementById("caller");
const credentials = document.getElementById("as-credentials");

function csrfToken() {
  const pair = document.cookie.split("; ").find((each) => each.startsWith(`${CSRF_COOKIE}=`));
  return pair === undefined ? "" : decodeURIComponent(pair.slice(CSRF_COOKIE.length + 1));
}

function basic(name, secret) {
  const bytes = new TextEncoder().encode(`${name}:${secret}`);
  return `Basic ${btoa(String.fromCharCode(...bytes))}`;
}

// What the chosen caller adds to a request. Cookies go along for the session only: without one the browser would
// answer a 401 with a window of its own.
function identification(method) {
  const wanted = caller.elements.as.value;
  if (wanted === "password") {
    const name = document.getElementById("as-name").value;
    const secret = document.getElementById("as-secret").value;
    return { credentials: "omit", headers: { Authorization: basic(name, secret) } };
  }
  const token = csrfToken();
  if (wanted === "session" && token) {
    return { credentials: "same-origin", headers: READING.has(method) ? {} : { [CSRF_HEADER]: token } };
  }
  return { credentials: "omit", headers: {} };
}

function address(form) {
  let path = form.dataset.path;
  const query = new URLSearchParams();
  for (const control of form.querySelectorAll("[data-in]")) {
    if (control.dataset.in === "path") {
      path = path.replace(`{${control.name}}`, encodeURIComponent(control.value));
    } else if (control.dataset.in === "query" && control.value !== "") {
      query.append(control.name, control.value);
    }
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

function request(form) {
  const method = form.dataset.method;
  const options = { method, cache: "no-store", redirect: "manual", ...identification(method) };
  for (const control of form.querySelectorAll('[data-in="header"]')) {
    if (control.value !== "") {
      options.headers[control.name] = control.value;
    }
  }
  const body = form.elements.body?.value.trim();
  if (body) {
    options.body = body;
    options.headers["Content-Type"] = "application/json";
  }
  return options;
}

function readable(text, type) {
  if (type.includes("json")) {
    try {
      return JSON.stringify(JSON.parse(text), null, 2);
    } catch {
      return text;
    }
  }
  return text;
}

function block(title, text) {
  const heading = document.createElement("h3");
  const pre = document.createElement("pre");
  heading.textContent = title;
  pre.tabIndex = 0;
  pre.textContent = text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}\n…` : text;
  return [heading, pre];
}

async function send(form) {
  const target = address(form);
  const options = request(form);
  const started = performance.now();
  const response = await fetch(target, options);
  const text = await response.text();
  const milliseconds = Math.round(performance.now() - started);
  const headers = [...response.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
  const body = readable(text, response.headers.get("content-type") ?? "");
  return {
    state: `${response.status} ${response.statusText}, ${milliseconds} ms`,
    parts: [
      ...block("Request", `${options.method} ${target}`),
      ...block("Headers", headers),
      ...block("Answer", body || "(empty)"),
    ],
  };
}

async function submitted(event) {
  event.preventDefault();
  const form = event.target;
  const button = form.querySelector("button");
  const state = form.querySelector("output");
  const answer = form.querySelector(".answer");
  button.disabled = true;
  state.textContent = "waiting…";
  answer.hidden = true;
  try {
    const result = await send(form);
    state.textContent = result.state;
    answer.replaceChildren(...result.parts);
    answer.hidden = false;
  } catch (error) {
    state.textContent = `not sent: ${error.message}`;
  } finally {
    button.disabled = false;
  }
}

// An operation that an address names is unfolded, also when the same link is followed twice.
function unfold() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target instanceof HTMLDetailsElement) {
    target.open = true;
    target.scrollIntoView();
  }
}

function find(event) {
  const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
  const matches = (element) => words.every((word) => element.textContent.toLowerCase().includes(word));
  const shown = new Set();
  for (const operation of document.querySelectorAll(".operation")) {
    operation.hidden = !matches(operation.querySelector("summary"));
    if (!operation.hidden) {
      shown.add(operation.id);
    }
  }
  for (const section of document.querySelectorAll(".tag")) {
    section.hidden = section.querySelector(".operation:not([hidden])") === null;
  }
  for (const group of document.querySelectorAll("nav details")) {
    const items = [...group.querySelectorAll("li")];
    items.forEach((item) => { item.hidden = !shown.has(item.querySelector("a").hash.slice(1)); });
    group.hidden = items.every((item) => item.hidden);
    group.open = words.length > 0 && !group.hidden;
  }
}

function chooseCaller() {
  credentials.hidden = caller.elements.as.value !== "password";
}

caller.elements.as.value = csrfToken() ? "session" : "password";
caller.addEventListener("change", chooseCaller);
caller.addEventListener("submit", (event) => event.preventDefault());
chooseCaller();
caller.hidden = false;

const search = document.getElementById("find");
search.addEventListener("input", find);
search.closest(".find").hidden = false;

for (const form of document.querySelectorAll("form.try")) {
  form.addEventListener("submit", submitted);
  form.hidden = false;
}
for (const link of document.querySelectorAll('nav a[href^="#"]')) {
  link.addEventListener("click", () => setTimeout(unfold));
}
window.addEventListener("hashchange", unfold);
if (matchMedia("(min-width: 62rem)").matches) {
  document.querySelectorAll("nav details").forEach((group) => { group.open = true; });
}
unfold();
