// The keyboard: what each key does, in one list that the help shows too.

/** For people: key and what it does. */
export const HELP = [
  ["1 – 9", "switch views"],
  ["/", "filter, or choose an instrument"],
  ["j  k  ↓  ↑", "next and previous row"],
  ["PgDn  PgUp  Home  End", "further in a table"],
  ["Enter", "open the row"],
  ["Space", "hold the tape, go on"],
  ["t", "colours: as the system, light, dark"],
  ["Esc", "leave a field, close a window"],
  ["?", "these keys"],
];

/** Handle keys: `actions` has `view(number)`, `filter()`, `table()` (the view's own, or null), `hold()`, `theme()`, `help()`. */
export function start(actions) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.target.closest("input, select, textarea")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (handled(event, actions)) event.preventDefault();
  });
}

function handled(event, actions) {
  const table = actions.table();
  switch (event.key) {
    case "/":
      actions.filter();
      return true;
    case "?":
      actions.help();
      return true;
    case "t":
      actions.theme();
      return true;
    case "j":
    case "ArrowDown":
      table?.move(1);
      return table !== null;
    case "k":
    case "ArrowUp":
      table?.move(-1);
      return table !== null;
    case "Enter":
      if (event.target.closest("a, button, summary")) return false;
      table?.open();
      return table !== null;
    case " ":
      if (event.target.closest("a, button, summary")) return false;
      return actions.hold();
  }
  if (/^[1-9]$/.test(event.key)) {
    actions.view(Number(event.key));
    return true;
  }
  return false;
}
