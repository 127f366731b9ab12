// Making and changing elements. What is shown already is not written again.

/** An element with attributes, listeners (`onclick`) and children (elements or texts). */
export function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key === "value") node.value = value;
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((each) => each !== null));
  return node;
}

const texts = new WeakMap();
const classes = new WeakMap();

export function setText(node, text) {
  if (texts.get(node) === text) return;
  texts.set(node, text);
  node.textContent = text;
}

/** All of the element's classes. */
export function setClass(node, names) {
  if (classes.get(node) === names) return;
  classes.set(node, names);
  node.className = names;
}

export function setTitle(node, text) {
  if (node.title !== text) node.title = text;
}

export function show(node, shown) {
  if (node.hidden === shown) node.hidden = !shown;
}

/** A labelled figure: `.value` is what changes. */
export function figure(label, title = "") {
  const value = el("dd", {}, "–");
  const node = el("div", { class: "figure", title: title || null }, el("dt", {}, label), value);
  return { node, value };
}

/** Figures by key: `[[key, label, title], …]` gives the list to show and a function that sets one. */
export function figures(names) {
  const made = new Map(names.map(([key, label, title]) => [key, figure(label, title)]));
  const node = el("dl", { class: "figures" }, ...[...made.values()].map((each) => each.node));
  const set = (key, text, kind = "") => {
    const { value } = made.get(key);
    setText(value, text ?? "–");
    setClass(value, kind);
  };
  return { node, set };
}
