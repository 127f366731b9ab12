// Windows that ask: whether something shall be done, or for the fields of a form.

import { el } from "./dom.js";

/** Whether whoever looks agrees; `yes` is what agreeing is called. */
export function confirm(question, yes) {
  return new Promise((resolve) => {
    const dialog = el(
      "dialog",
      { "aria-label": question },
      el(
        "form",
        { method: "dialog" },
        el("p", {}, question),
        el(
          "div",
          { class: "buttons" },
          el("button", { class: "act", value: "no" }, "Leave it"),
          el("button", { class: "act danger", value: "yes" }, yes),
        ),
      ),
    );
    open(dialog, () => resolve(dialog.returnValue === "yes"));
  });
}

/** A window with a form; `submit(form)` may raise an error with a `sentence`, which is shown, and the window stays. */
export function formWindow(title, fields, submit, yes = "Save") {
  const wrong = el("p", { class: "wrong", role: "alert" });
  const form = el(
    "form",
    {},
    el("h2", {}, title),
    fields,
    wrong,
    el(
      "div",
      { class: "buttons" },
      el("button", { type: "button", class: "act", onclick: () => dialog.close() }, "Cancel"),
      el("button", { class: "act main" }, yes),
    ),
  );
  const dialog = el("dialog", { "aria-label": title }, form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    wrong.textContent = "";
    try {
      await submit(form);
      dialog.close();
    } catch (error) {
      if (!error.sentence) throw error;
      wrong.textContent = error.sentence;
      form.elements[error.field?.split(".").at(-1)]?.focus();
    }
  });
  open(dialog, () => {});
}

function open(dialog, done) {
  dialog.addEventListener("close", () => {
    dialog.remove();
    done();
  });
  document.body.append(dialog);
  dialog.showModal();
}
