// The instruments that have live data, for choosing and for the names in forms; asked for once a minute at most.

import { ask, askAll } from "./api.js";

const KEPT_MS = 60_000;

let listed = null;
let listedAt = -Infinity;

/** `[{instrument, exchange, market, symbol, …}]` by name. */
export function list() {
  if (performance.now() - listedAt > KEPT_MS) {
    listedAt = performance.now();
    listed = askAll("instruments", { query: { seen: true } }).then(sorted);
    listed.catch(() => (listedAt = -Infinity));
  }
  return listed;
}

/** All the gateway knows whose name has these words in it, few. */
export async function search(words, { exchange = "", market = "", signal = null } = {}) {
  const { data } = await ask("instruments", { query: { q: words, exchange, market, limit: 20 }, signal });
  return data;
}

const sorted = (instruments) =>
  instruments.sort((left, right) => left.symbol.localeCompare(right.symbol) || left.instrument.localeCompare(right.instrument));

/** Whether a text has each of the words in it. */
export function matches(text, words) {
  const lower = text.toLowerCase();
  return words.every((word) => lower.includes(word));
}

export const wordsOf = (text) => text.toLowerCase().split(/\s+/).filter(Boolean);
