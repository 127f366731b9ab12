// The markets table: prices pushed by the gateway, the figures of the last 24 hours asked for now and then.

import { askAll } from "../api.js";
import { compare, padded, placesOf } from "../decimals.js";
import { el, setClass, setText } from "../dom.js";
import { age, count, cut, signClass, signed, stateClass } from "../forms.js";
import { ageOf, heard, isStale, stateOf } from "../fresh.js";
import { go, hashOf, rememberInstrument } from "../router.js";
import { Table } from "../table.js";

const SUMMARY_MS = 10_000;
const MESSAGES_PER_S = 800;
const FASTEST = 5;
const ASKED_MS = 3_000;

const price = (key) => (row) => (row[key] === null || row[key] === undefined ? "–" : padded(row[key], row.places));

const COLUMNS = [
  {
    key: "symbol",
    title: "Symbol",
    order: (row) => `${row.symbol} ${row.id}`,
    create: (cell) => {
      cell.link = el("a");
      cell.venue = el("small", { class: "narrow muted" });
      cell.append(cell.link, cell.venue);
    },
    update: (cell, row) => {
      if (cell.row === row) return;
      cell.row = row;
      setText(cell.link, row.symbol);
      setText(cell.venue, `${row.exchange} ${row.market}`);
      cell.link.setAttribute("href", hashOf({ view: "book", instrument: row.id }));
    },
  },
  { key: "exchange", title: "Exchange", wide: true, text: (row) => `${row.exchange} ${row.market}`, order: (row) => `${row.exchange} ${row.market} ${row.symbol}` },
  { key: "bid", title: "Bid", right: true, wide: true, exact: true, text: price("bid_price"), order: (row) => row.bid_price },
  { key: "ask", title: "Ask", right: true, wide: true, exact: true, text: price("ask_price"), order: (row) => row.ask_price },
  { key: "last", title: "Last", right: true, exact: true, text: price("last_price"), order: (row) => row.last_price, kind: (row) => row.trend },
  { key: "bps", title: "Spread bps", right: true, exact: true, text: (row) => cut(row.spread_bps, 3), hint: (row) => row.spread_bps, order: (row) => row.spread_bps },
  {
    key: "change",
    title: "24 h %",
    right: true,
    exact: true,
    text: (row) => signed(row.change_percent, 2),
    hint: (row) => row.change_percent,
    order: (row) => row.change_percent,
    kind: (row) => signClass(cut(row.change_percent, 2)),
  },
  {
    key: "volume",
    title: "24 h volume (quote)",
    right: true,
    wide: true,
    exact: true,
    text: (row) => cut(row.quote_volume, 0),
    hint: (row) => row.quote_volume,
    order: (row) => row.quote_volume,
  },
  {
    key: "state",
    title: "State",
    order: (row) => stateOf(row) ?? "",
    create: (cell) => cell.append((cell.badge = el("span", { class: "badge" }))),
    update: (cell, row) => {
      const state = stateOf(row);
      setText(cell.badge, state ?? "no book");
      setClass(cell.badge, stateClass(state));
    },
  },
  { key: "age", title: "Age", right: true, wide: true, text: (row) => age(ageOf(row)), order: (row) => ageOf(row) },
];

export function byInstrument(scope, { onCount }) {
  const rows = new Map();
  const ends = [];
  const table = new Table(scope, {
    label: "Markets",
    columns: COLUMNS,
    sort: { key: "symbol", down: false },
    empty: "No live data yet.",
    rowKind: (row) => (isStale(row) ? "stale" : ""),
    onOpen: (row) => go({ view: "book", instrument: row.id }),
    onSelect: (row) => rememberInstrument(row.id),
  });

  const take = (data) => {
    const known = rows.get(data.instrument);
    const row = known ?? { id: data.instrument, name: `${data.instrument} ${data.exchange} ${data.market}`, places: 0, trend: "" };
    const before = row.last_price;
    Object.assign(heard(row), data);
    row.places = Math.max(row.places, ...[data.bid_price, data.ask_price, data.last_price].map((each) => placesOf(each ?? "")));
    if (before && data.last_price && before !== data.last_price) row.trend = compare(before, data.last_price) < 0 ? "up" : "down";
    if (known) return false;
    rows.set(row.id, row);
    return true;
  };
  const listed = () => {
    table.setRows([...rows.values()]);
    onCount(`${count(rows.size)} instruments`);
  };
  const follow = () => {
    const rate = Math.max(1, Math.min(FASTEST, Math.floor(MESSAGES_PER_S / Math.max(1, rows.size))));
    ends.push(
      scope.subscribe(
        { channel: "prices", instrument: "*", rate },
        ({ data }) => {
          if (take(data)) listed();
          else table.changed();
        },
        askInstead,
      ),
    );
  };
  /** More instruments than one client may follow are asked for. */
  const askInstead = () => scope.poll(ASKED_MS, (signal) => askAll("prices", { signal }), takeAll);
  const takeAll = (prices) => {
    if (prices.map(take).some(Boolean)) listed();
    else table.changed();
  };
  const merge = (summaries) => {
    for (const { instrument, change_percent, quote_volume } of summaries) {
      const row = rows.get(instrument);
      if (row) Object.assign(row, { change_percent, quote_volume });
    }
    table.changed();
  };

  scope
    .ask((signal) => askAll("prices", { signal }), takeAll, { quiet: true })
    .then(() => {
      if (scope.closed) return;
      follow();
      scope.poll(SUMMARY_MS, (signal) => askAll("summary", { signal }), merge);
    });
  scope.every(1000, () => table.changed());
  return { table, end: () => ends.forEach((end) => end()) };
}
