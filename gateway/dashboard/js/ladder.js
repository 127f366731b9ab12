// The ladder: asks above, bids below, the best of each in the middle; price, size and the sum from the best on, with bars.

import { clipped, padded, placesOf, plotted, scaled, textOf } from "./decimals.js";
import { el, setText, setTitle, show } from "./dom.js";

const MOST = 40;
const SIZE_PLACES = 8;

class Row {
  constructor(side) {
    this.price = el("th", { scope: "row", class: side === "bids" ? "up" : "down" });
    this.size = el("td");
    this.total = el("td");
    this.node = el("tr", {}, this.price, this.size, this.total);
    this.width = "";
  }

  set(level, places, sizePlaces, share) {
    show(this.node, level !== null);
    if (!level) return;
    setText(this.price, padded(level.price, places));
    setText(this.size, padded(clipped(level.quantity, SIZE_PLACES), sizePlaces));
    setText(this.total, padded(clipped(level.total, SIZE_PLACES), sizePlaces));
    setTitle(this.size, level.quantity);
    setTitle(this.total, level.total);
    const width = `${(100 * share).toFixed(1)}% 90%`;
    if (this.width !== width) this.node.style.backgroundSize = this.width = width;
  }
}

export class Ladder {
  #asks = Array.from({ length: MOST }, () => new Row("asks"));
  #bids = Array.from({ length: MOST }, () => new Row("bids"));

  constructor() {
    this.middle = el("th", { colspan: 3, scope: "rowgroup" });
    const head = el("tr", {}, ...["Price", "Size", "Total"].map((name) => el("th", { scope: "col" }, name)));
    this.table = el(
      "table",
      { "aria-label": "Order book" },
      el("thead", {}, head),
      el("tbody", { class: "asks" }, ...this.#asks.map((row) => row.node).reverse()),
      el("tbody", { class: "middle" }, el("tr", {}, this.middle)),
      el("tbody", { class: "bids" }, ...this.#bids.map((row) => row.node)),
    );
    this.node = el("div", { class: "ladder" }, this.table);
  }

  /** Show the best so many of each side that there is room for; `middle` stands between them. */
  show(bids, asks, middle) {
    const rowHeight = parseFloat(getComputedStyle(this.node).getPropertyValue("--ladder-row")) || 20;
    const room = Math.floor((this.node.clientHeight - 24 - 28) / rowHeight / 2);
    const depth = Math.max(5, Math.min(MOST, room));
    const shown = [bids, asks].map((levels) => totalled(levels.slice(0, depth)));
    const all = [...shown[0], ...shown[1]];
    const places = Math.max(0, ...all.map((each) => placesOf(each.price)));
    const sizePlaces = Math.min(SIZE_PLACES, Math.max(0, ...all.map((each) => Math.max(placesOf(each.quantity), placesOf(each.total)))));
    const largest = Math.max(Number.MIN_VALUE, ...all.map((each) => plotted(each.quantity)));
    [this.#bids, this.#asks].forEach((rows, side) => {
      rows.forEach((row, at) => {
        const level = shown[side][at] ?? null;
        row.set(level, places, sizePlaces, level ? plotted(level.quantity) / largest : 0);
      });
    });
    setText(this.middle, middle);
  }
}

/** With the exact sum of the sizes from the best on. */
function totalled(levels) {
  let total = 0n;
  return levels.map(([price, quantity]) => {
    total += scaled(quantity);
    return { price, quantity, total: textOf(total) };
  });
}
