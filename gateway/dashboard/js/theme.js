// Light or dark: as the system prefers, or as chosen here, which is remembered. Canvases ask here for their colours.

const NAME = "bookmill.theme";
const ORDER = ["auto", "light", "dark"];
const system = matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set();
const colours = new Map();
const probe = document.createElement("i");
probe.hidden = true;
document.documentElement.append(probe);

/** What is chosen: `auto`, `light` or `dark`. */
export function chosen() {
  return document.documentElement.dataset.theme ?? "auto";
}

/** Choose the next one, and remember it. */
export function next() {
  const theme = ORDER[(ORDER.indexOf(chosen()) + 1) % ORDER.length];
  if (theme === "auto") {
    delete document.documentElement.dataset.theme;
    localStorage.removeItem(NAME);
  } else {
    document.documentElement.dataset.theme = theme;
    localStorage.setItem(NAME, theme);
  }
  tell();
  return theme;
}

/** The colour that a custom property of the style sheet stands for now, as `rgb(…)`. */
export function colour(name) {
  let found = colours.get(name);
  if (!found) {
    probe.style.color = `var(--${name})`;
    found = getComputedStyle(probe).color;
    colours.set(name, found);
  }
  return found;
}

/** Call when the colours change; gives back what ends it. */
export function watch(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function tell() {
  colours.clear();
  for (const listener of listeners) listener();
}

system.addEventListener("change", tell);
