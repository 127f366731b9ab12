// Candles: what the gateway says of past intervals, and the newest one carried on by the trades that come. Exact texts all the way.

import { larger, placesOf, plotted, smaller } from "./decimals.js";

const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 };

/** Seconds of an interval that has always the same; null of weeks and months, whose begin trades alone do not tell. */
export function secondsOf(interval) {
  const unit = SECONDS[interval.at(-1)];
  return unit ? Number(interval.slice(0, -1)) * unit : null;
}

export class Bars {
  #byTime = new Map();
  #stepS;

  last = null;
  places = 0;

  constructor(interval) {
    this.#stepS = secondsOf(interval);
  }

  /** Bars as the API gives them, in place of what is known of their times. */
  take(rows) {
    for (const row of rows) {
      const bar = { ...row, time: Math.floor(row.open_time_us / 1_000_000) };
      this.#byTime.set(bar.time, bar);
      this.#measure(bar);
      if (!this.last || bar.time >= this.last.time) this.last = bar;
    }
  }

  /** A trade moves the newest bar or begins the next one. Gives whether anything changed. Volumes come with the next answer of the API. */
  trade({ price, exchange_time_us, receive_time_us }) {
    if (!this.last) return false;
    const seconds = Math.floor((exchange_time_us ?? receive_time_us) / 1_000_000);
    if (seconds < this.last.time) return false;
    if (this.#stepS && seconds >= this.last.time + this.#stepS) {
      const time = seconds - (seconds % this.#stepS);
      this.last = { time, open: price, high: price, low: price, close: price, volume: null, trades: null, closed: false };
    } else {
      const bar = this.last;
      Object.assign(bar, { high: larger(bar.high, price), low: smaller(bar.low, price), close: price });
    }
    this.#byTime.set(this.last.time, this.last);
    this.#measure(this.last);
    return true;
  }

  at(time) {
    return this.#byTime.get(time) ?? null;
  }

  /** All, oldest first. */
  all() {
    return [...this.#byTime.values()].sort((left, right) => left.time - right.time);
  }

  #measure(bar) {
    this.places = Math.max(this.places, placesOf(bar.open), placesOf(bar.high), placesOf(bar.low), placesOf(bar.close));
  }
}

/** For the plot. */
export const candle = (bar) => ({
  time: bar.time,
  open: plotted(bar.open),
  high: plotted(bar.high),
  low: plotted(bar.low),
  close: plotted(bar.close),
});

export const volume = (bar, rising, falling) => ({
  time: bar.time,
  value: bar.volume === null ? 0 : plotted(bar.volume),
  color: plotted(bar.close) >= plotted(bar.open) ? rising : falling,
});
