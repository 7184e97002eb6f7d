// More rows of permits without asking the server: the button works without this file, too.

for (const button of document.querySelectorAll("[data-add-permit]")) {
  const rows = button.form.querySelector("[data-permit-rows]");
  button.type = "button";
  button.addEventListener("click", () => {
    const number = rows.children.length;
    const row = rows.lastElementChild.cloneNode(true);
    row.setAttribute("aria-label", row.getAttribute("aria-label").replace(/\d+$/, number + 1));
    for (const field of row.querySelectorAll("input")) {
      field.name = field.name.replace(/\d+$/, number);
      if (field.type === "checkbox") field.checked = false;
      else field.value = "";
    }
    rows.append(row);
    row.querySelector("input").focus();
  });
}
