// A copy of the gateway's book: a snapshot's levels, then the levels that changed. Prices and quantities stay texts.

import { compare } from "./decimals.js";

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
