// Messages to whoever looks: what the gateway refused, in its own words, and what was done. Few at a time; they go by themselves.

import { el } from "./dom.js";

const SHOWN_MS = 8_000;
const MOST = 3;

const box = document.getElementById("notices");
const shown = new Map();

/** An error of the API, or of the page itself. */
export function failed(error) {
  notice(error.sentence ?? (error.hint ? `${error.message} ${error.hint}` : error.message), "bad");
}

/** An alert. */
export function alarmed(text) {
  notice(text, "alarm");
}

export function said(text) {
  notice(text, "good");
}

function notice(text, kind) {
  if (shown.has(text)) {
    expire(text);
    return;
  }
  const node = el(
    "div",
    { class: `notice ${kind}`, role: kind === "good" ? "status" : "alert" },
    el("span", {}, text),
    el("button", { type: "button", class: "plain", "aria-label": "Dismiss", onclick: () => remove(text) }, "×"),
  );
  shown.set(text, { node, timer: null });
  box.append(node);
  expire(text);
  while (shown.size > MOST) remove(shown.keys().next().value);
}

function expire(text) {
  const entry = shown.get(text);
  clearTimeout(entry.timer);
  entry.timer = setTimeout(() => remove(text), SHOWN_MS);
}

function remove(text) {
  const entry = shown.get(text);
  if (!entry) return;
  clearTimeout(entry.timer);
  entry.node.remove();
  shown.delete(text);
}
