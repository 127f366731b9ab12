// Per symbol the best bid and ask of all live books: where to buy, where to sell, and what lies between.

import { askAll } from "../api.js";
import { padded, placesOf } from "../decimals.js";
import { age, count, cut, signClass, signed } from "../forms.js";
import { ageOf, heard, isStale } from "../fresh.js";
import { Table } from "../table.js";

const RATE = 2;

const price = (key) => (row) => (row[key] ? padded(row[key], row.places) : "–");
const venue = (side) => (row) => (row[`${side}_exchange`] ? `${row[`${side}_exchange`]} ${row[`${side}_market`]}` : "–");

const COLUMNS = [
  { key: "symbol", title: "Symbol", text: (row) => row.symbol, order: (row) => row.id },
  { key: "kind", title: "Kind", wide: true, text: (row) => row.kind, order: (row) => row.kind },
  { key: "bid", title: "Best bid", right: true, exact: true, text: price("bid_price"), order: (row) => row.bid_price, kind: () => "up" },
  { key: "bid_size", title: "Size", right: true, wide: true, text: (row) => cut(row.bid_quantity, 4), hint: (row) => row.bid_quantity },
  { key: "bid_venue", title: "at", wide: true, text: venue("bid"), order: venue("bid") },
  { key: "ask", title: "Best ask", right: true, exact: true, text: price("ask_price"), order: (row) => row.ask_price, kind: () => "down" },
  { key: "ask_size", title: "Size", right: true, wide: true, text: (row) => cut(row.ask_quantity, 4), hint: (row) => row.ask_quantity },
  { key: "ask_venue", title: "at", wide: true, text: venue("ask"), order: venue("ask") },
  { key: "bps", title: "Spread bps", right: true, exact: true, text: (row) => cut(row.spread_bps, 3), hint: (row) => row.spread_bps, order: (row) => row.spread_bps },
  {
    key: "cross",
    title: "Cross bps",
    hint_head: "The best bid of one exchange against the best ask of another; positive: they cross",
    right: true,
    exact: true,
    text: (row) => signed(row.cross_bps, 3),
    hint: (row) => row.cross_bps,
    order: (row) => row.cross_bps,
    kind: (row) => signClass(cut(row.cross_bps, 3)),
  },
  {
    key: "venues",
    title: "Venues",
    right: true,
    text: (row) => count(venues(row)),
    hint: (row) => (Array.isArray(row.venues) ? row.venues.map((each) => `${each.exchange} ${each.market}: ${each.bid_price} / ${each.ask_price}`).join("\n") : ""),
    order: venues,
  },
  { key: "age", title: "Age", right: true, wide: true, text: (row) => age(ageOf(row)), order: (row) => ageOf(row) },
];

function venues(row) {
  return Array.isArray(row.venues) ? row.venues.length : (row.venues ?? 0);
}

export function bySymbol(scope, { onCount, narrowTo }) {
  const rows = new Map();
  const table = new Table(scope, {
    label: "Best by symbol",
    columns: COLUMNS,
    sort: { key: "symbol", down: false },
    empty: "No consolidated prices. A running watcher (bookmill watcher) makes them.",
    rowKind: (row) => (isStale(row) ? "stale" : ""),
    onOpen: (row) => narrowTo(row.symbol),
  });
  const take = (data) => {
    const id = `${data.symbol} ${data.kind}`;
    const known = rows.get(id);
    const row = Object.assign(heard(known ?? { id, name: id, places: 0 }), data);
    row.places = Math.max(row.places, placesOf(data.bid_price ?? ""), placesOf(data.ask_price ?? ""));
    rows.set(id, row);
    return !known;
  };
  const listed = () => {
    table.setRows([...rows.values()]);
    onCount(`${count(rows.size)} symbols`);
  };
  const end = scope.subscribe({ channel: "consolidated", instrument: "*", rate: RATE }, ({ data }) => {
    if (data.map(take).some(Boolean)) listed();
    else table.changed();
  });
  scope.ask((signal) => askAll("consolidated", { signal }), (all) => {
    all.forEach(take);
    listed();
  }, { quiet: true });
  scope.every(1000, () => table.changed());
  return { table, end };
}
