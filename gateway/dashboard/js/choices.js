// A row of buttons of which one is pressed.

import { el } from "./dom.js";

/** `names`: `[[value, label], …]`; `onChoose(value)` is called when another one is pressed. */
export function choices(label, names, chosen, onChoose) {
  const buttons = names.map(([value, text]) =>
    el("button", { type: "button", "data-value": value, "aria-pressed": String(value === chosen) }, text ?? value),
  );
  const node = el("div", { class: "choices", role: "group", "aria-label": label }, ...buttons);
  node.addEventListener("click", (event) => {
    const pressed = event.target.closest("button");
    if (!pressed || pressed.getAttribute("aria-pressed") === "true") return;
    for (const button of buttons) button.setAttribute("aria-pressed", String(button === pressed));
    onChoose(pressed.dataset.value);
  });
  return node;
}
