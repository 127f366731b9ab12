// Markets: every instrument with live data in one table, and per symbol the best of all exchanges.

import { choices } from "../choices.js";
import { el, setText } from "../dom.js";
import { matches, wordsOf } from "../instruments.js";
import { choose } from "../router.js";
import { byInstrument } from "./markets_instruments.js";
import { bySymbol } from "./markets_symbols.js";

const KINDS = { instrument: byInstrument, symbol: bySymbol };

export function open({ scope, root, query }) {
  const filter = el("input", {
    type: "search",
    placeholder: "Filter (/)",
    "aria-label": "Filter",
    value: query.q ?? "",
    spellcheck: "false",
  });
  const counted = el("span", { class: "muted push" });
  const panel = el("section", { class: "panel grow", "aria-label": "Markets" });
  let end = () => {};

  const narrow = () => {
    const words = wordsOf(filter.value);
    scope.table.filter(words.length ? (row) => matches(row.name, words) : null);
    choose({ q: filter.value });
  };
  const showKind = (kind) => {
    end();
    const shown = KINDS[kind](scope, { onCount: (text) => setText(counted, text), narrowTo: (text) => showOnly(text) });
    end = shown.end;
    scope.table = shown.table;
    panel.lastChild.replaceWith(shown.table.node);
    choose({ by: kind === "symbol" ? kind : "" });
    narrow();
  };
  const kinds = choices("Rows", [["instrument", "Instruments"], ["symbol", "Best by symbol"]], query.by ?? "instrument", showKind);
  const showOnly = (text) => {
    filter.value = text;
    kinds.querySelector('[data-value="instrument"]').click();
  };

  panel.append(el("header", {}, kinds, filter, counted), el("div"));
  root.append(panel);
  scope.listen(filter, "input", narrow);
  scope.filter = filter;
  showKind(query.by === "symbol" ? "symbol" : "instrument");
}
