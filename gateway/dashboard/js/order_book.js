// A copy of the gateway's book: a snapshot's levels, then the levels that changed. Prices and quantities stay texts.

import { clipped, compare, scaled, textOf } from "./decimals.js";

/** Of half the sum, with eighteen places. */
const BPS = 20_000n * 10n ** 18n;

export class OrderBook {
  #bids = new Map();
  #asks = new Map();
  #sorted = null;

  state = null;
  updateId = null;
  seq = null;

  /** A snapshot's or an update's message, in order. */
  take({ type, seq, data }) {
    if (type === "snapshot") {
      this.#bids = new Map(data.bids);
      this.#asks = new Map(data.asks);
    } else {
      change(this.#bids, data.bids);
      change(this.#asks, data.asks);
    }
    this.#sorted = null;
    this.state = data.state;
    this.updateId = data.update_id;
    this.seq = seq;
  }

  /** `[[price, quantity], …]`, best first. */
  get bids() {
    return this.#levels().bids;
  }

  get asks() {
    return this.#levels().asks;
  }

  /** Middle, spread and spread in basis points of the best prices, exact (but for the end of the last); null without both sides. */
  get middle() {
    const [bid] = this.bids;
    const [ask] = this.asks;
    if (!bid || !ask) return null;
    const sum = scaled(ask[0]) + scaled(bid[0]);
    const spread = scaled(ask[0]) - scaled(bid[0]);
    return { mid: textOf(sum / 2n), spread: textOf(spread), bps: clipped(textOf((spread * BPS) / sum), 3) };
  }

  #levels() {
    this.#sorted ??= {
      bids: [...this.#bids].sort(([left], [right]) => compare(right, left)),
      asks: [...this.#asks].sort(([left], [right]) => compare(left, right)),
    };
    return this.#sorted;
  }
}

function change(side, levels) {
  for (const [price, quantity] of levels) {
    if (quantity === "0") side.delete(price);
    else side.set(price, quantity);
  }
}
