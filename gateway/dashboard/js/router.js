// Where one is: `#/book/binance.spot.BTC-USDT?interval=5m` is a view, an instrument and the view's own choices, and can be linked to.

const INSTRUMENT = "bookmill.instrument";

/** The place an address names. */
export function placeOf(hash) {
  const [path, search = ""] = hash.replace(/^#\/?/, "").split("?");
  const [view = "", instrument = ""] = path.split("/").map(decode);
  return { view: view || "markets", instrument: instrument || null, query: Object.fromEntries(new URLSearchParams(search)) };
}

/** The address of a place. */
export function hashOf({ view, instrument = null, query = {} }) {
  const search = new URLSearchParams(Object.entries(query).filter(([, value]) => value)).toString();
  return `#/${view}${instrument ? `/${encodeURIComponent(instrument)}` : ""}${search ? `?${search}` : ""}`;
}

/** Go there; the browser's way back leads here again. */
export function go(place) {
  location.hash = hashOf(place);
}

/** Change the view's own choices without a step in the history. */
export function choose(query) {
  const place = placeOf(location.hash);
  history.replaceState(null, "", hashOf({ ...place, query: { ...place.query, ...query } }));
}

/** The instrument looked at last, in any view that has one. */
export const lastInstrument = () => localStorage.getItem(INSTRUMENT);

export function rememberInstrument(name) {
  if (name) localStorage.setItem(INSTRUMENT, name);
}

/** `binance.spot.BTC-USDT` in its three parts; null where it is none. */
export function partsOf(instrument) {
  const found = /^([^.]+)\.([^.]+)\.(.+)$/.exec(instrument ?? "");
  return found ? { instrument, exchange: found[1], market: found[2], symbol: found[3] } : null;
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
