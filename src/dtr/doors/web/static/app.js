// Comfort for those who have scripts: every page works without this file.

const words = document.body.dataset; // in the reader's language

// The exact moment, in the reader's own zone.
const moments = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "full", timeStyle: "long" });

// What is new on the page gets its comfort, too: a filter brings such parts.
function enhance(root) {
  if (navigator.clipboard) { // browsers offer it on encrypted pages and on this machine only
    for (const button of root.querySelectorAll("[data-copy]")) {
      button.hidden = false;
      button.addEventListener("click", () => copy(button));
    }
  }
  for (const element of root.querySelectorAll("time[data-moment]")) {
    element.title = moments.format(new Date(element.dateTime));
  }
  for (const box of root.querySelectorAll("input[data-choose-all]")) {
    box.hidden = false;
    box.addEventListener("change", () => {
      for (const each of document.querySelectorAll(box.dataset.chooseAll)) each.checked = box.checked;
    });
  }
}

async function copy(button) {
  const label = button.querySelector("span");
  label.dataset.before ??= label.textContent;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch {
    return; // the reader did not allow it: the text can still be chosen by hand
  }
  label.textContent = words.copied;
  button.toggleAttribute("data-copied", true);
  setTimeout(() => {
    label.textContent = label.dataset.before;
    button.removeAttribute("data-copied");
  }, 1500);
}

enhance(document);

// Forms: ask before what cannot be undone; one that is under way says so and is not sent twice.
document.addEventListener("submit", (event) => {
  const form = event.target;
  const button = event.submitter ?? form.querySelector("button:not([type=button])");
  if (form.dataset.confirm && !form.dataset.confirmed) {
    event.preventDefault();
    ask(form, button);
    return;
  }
  if (event.defaultPrevented || form.method !== "post" || !button) return;
  button.setAttribute("aria-busy", "true");
  setTimeout(() => { button.disabled = true; }, 0); // after the browser took the button's own value
});

function ask(form, button) {
  const dialog = document.createElement("dialog");
  const text = document.createElement("p");
  text.id = "dialog-text";
  text.textContent = form.dataset.confirm;
  dialog.setAttribute("aria-labelledby", text.id);
  const actions = document.createElement("div");
  actions.className = "actions dialog-actions";
  const yes = document.createElement("button");
  yes.type = "button";
  yes.className = "button button-danger";
  yes.textContent = button.textContent;
  const no = document.createElement("button");
  no.type = "button";
  no.className = "button";
  no.textContent = words.cancel;
  actions.append(no, yes);
  dialog.append(text, actions);
  document.body.append(dialog);
  no.addEventListener("click", () => dialog.close());
  yes.addEventListener("click", () => { form.dataset.confirmed = "1"; dialog.close(); form.requestSubmit(button); });
  dialog.addEventListener("close", () => { dialog.remove(); button.focus(); });
  dialog.showModal();
  no.focus();
}

// A page that the browser kept shows its forms ready again.
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const button of document.querySelectorAll("button[aria-busy]")) {
    button.removeAttribute("aria-busy");
    button.disabled = false;
  }
});

// Filters apply while they are typed; the address keeps them. Their button is for those without scripts.
for (const form of document.querySelectorAll("form[data-live]")) {
  const target = document.querySelector(form.dataset.live);
  if (!target || target.contains(form)) continue;
  for (const button of form.querySelectorAll("button:not([name])")) button.hidden = true;
  let pending;
  let current = new AbortController();

  const apply = async () => {
    current.abort(); // an answer to what was typed before must not come last
    current = new AbortController();
    const address = new URL(form.action || location.href);
    address.search = new URLSearchParams([...new FormData(form)].filter(([, value]) => value)).toString();
    target.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(address, { headers: { Accept: "text/html" }, signal: current.signal });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.querySelector(form.dataset.live);
      if (!answer.ok || !fresh) {
        location.assign(address); // the page says what is wrong, or asks to sign in
        return;
      }
      target.replaceChildren(...fresh.childNodes);
      enhance(target);
      history.replaceState(null, "", address);
    } catch (error) {
      if (error.name !== "AbortError") form.submit();
    } finally {
      target.removeAttribute("aria-busy");
    }
  };

  form.addEventListener("input", () => { clearTimeout(pending); pending = setTimeout(apply, 200); });
}

// Close the menu on a click elsewhere or Escape.
for (const menu of document.querySelectorAll("details.menu")) {
  document.addEventListener("click", (event) => { if (!menu.contains(event.target)) menu.open = false; });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}

// What is open is in view, however narrow the bar.
for (const open of document.querySelectorAll(":is(.nav, .tabs) [aria-current]")) {
  open.scrollIntoView({ block: "nearest", inline: "center" });
}
