// What every view of one instrument begins with: its best prices, last trade, state and age.

import { el, figures, setClass, setText } from "./dom.js";
import { age, cut, stateClass } from "./forms.js";
import { ageOf, heard, isStale, stateOf } from "./fresh.js";

const RATE = 2;

/** The line, kept up to date; `onPrice(price)` is called with each. */
export function headline({ scope, instrument, chooser }, onPrice = () => {}) {
  const state = el("span", { class: "badge" }, "waiting");
  const list = figures([
    ["bid", "Bid"],
    ["ask", "Ask"],
    ["mid", "Mid"],
    ["bps", "Spread bps"],
    ["last", "Last"],
    ["age", "Age", "Since the frame was received"],
  ]);
  const node = el(
    "header",
    { class: "headline" },
    el("h1", {}, instrument.symbol, el("small", {}, `${instrument.exchange} ${instrument.market}`)),
    state,
    chooser,
    list.node,
  );
  let price = null;
  const render = () => {
    if (!price) return;
    list.set("bid", price.bid_price, "up");
    list.set("ask", price.ask_price, "down");
    list.set("mid", price.mid);
    list.set("bps", cut(price.spread_bps, 4));
    list.set("last", price.last_price);
    list.set("age", age(ageOf(price)));
    setText(state, stateOf(price) ?? "no book");
    setClass(state, stateClass(stateOf(price)));
    setClass(node, isStale(price) ? "headline stale" : "headline");
  };
  scope.subscribe({ channel: "prices", instrument: instrument.instrument, rate: RATE }, ({ data }) => {
    price = heard(data);
    onPrice(price);
    scope.draw(render);
  });
  scope.every(1000, () => scope.draw(render));
  return node;
}
