// Quality: what is missing of the data, how complete each instrument is, and how its book stands.

import { ask, askAll } from "../api.js";
import { choices } from "../choices.js";
import { el, figures, setText } from "../dom.js";
import { age, count, dateAndTime, duration, stateClass } from "../forms.js";
import { ageOf, heard, isStale } from "../fresh.js";
import { hashOf, choose } from "../router.js";
import { Table } from "../table.js";

const GAPS = 500;
const GAPS_MS = 10_000;
const SETTLE_MS = 1_500;
const COMPLETENESS_MS = 30_000;
const HEALTH_MS = 2_000;

const instrument = { key: "instrument", title: "Instrument", text: (row) => row.instrument, order: (row) => row.instrument, link: (row) => hashOf({ view: "book", instrument: row.instrument }) };

export function open({ scope, root, query }) {
  let onlyOpen = query.gaps !== "all";
  const list = figures([
    ["open", "Open gaps"],
    ["books", "Books live"],
    ["stale", "Books stale"],
    ["worst", "Least complete book"],
  ]);
  const gaps = new Table(scope, { label: "Gaps", columns: GAP_COLUMNS, empty: "No gaps.", sort: { key: "opened", down: true }, rowKind: (row) => (row.over_time ? "" : "open") });
  const completeness = new Table(scope, { label: "Completeness", columns: COMPLETENESS_COLUMNS, empty: "Nothing is stored yet.", sort: { key: "book", down: false } });
  const health = new Table(scope, { label: "Book health", columns: HEALTH_COLUMNS, empty: "No books.", sort: { key: "instrument", down: false }, rowKind: (row) => (isStale(row) ? "stale" : "") });
  const more = el("span", { class: "muted push" });

  const loadGaps = scope.poll(
    GAPS_MS,
    (signal) => ask("gaps", { query: { open: onlyOpen ? "true" : "", limit: GAPS }, signal }),
    ({ data, next }) => {
      const rows = data.map((row) => ({ ...row, id: `${row.instrument} ${row.gap}` }));
      gaps.setRows(rows);
      const open = rows.filter((row) => row.state === "open").length;
      list.set("open", count(open), open ? "warned" : "");
      setText(more, next ? `the newest ${count(rows.length)}` : `${count(rows.length)}`);
    },
  );
  scope.poll(
    COMPLETENESS_MS,
    (signal) => ask("gaps/completeness", { signal }),
    ({ data }) => {
      const rows = data.map((row) => ({ ...row, id: row.instrument }));
      completeness.setRows(rows);
      const books = rows.filter((row) => row.book_percent !== null);
      list.set("worst", books.length ? percent(books.reduce((least, row) => (Number(row.book_percent) < Number(least.book_percent) ? row : least)).book_percent) : "–");
    },
  );
  scope.poll(
    HEALTH_MS,
    (signal) => askAll("orderbook/health", { signal }),
    (found) => {
      const rows = found.map((row) => heard({ ...row, id: row.instrument }));
      health.setRows(rows);
      const stale = rows.filter(isStale).length;
      list.set("books", `${count(rows.filter((row) => row.state === "live").length)} of ${count(rows.length)}`);
      list.set("stale", count(stale), stale ? "warned" : "");
    },
  );

  // What the gateway tells of a gap is asked for once it has been stored.
  let settling = null;
  scope.onEnd(() => clearTimeout(settling));
  scope.subscribe({ channel: "gaps", instrument: "*", rate: 1 }, ({ type }) => {
    if (type === "snapshot" || settling) return;
    settling = setTimeout(() => {
      settling = null;
      loadGaps();
    }, SETTLE_MS);
  });

  const kinds = choices("Which gaps", [["open", "Open"], ["all", "All"]], onlyOpen ? "open" : "all", (kind) => {
    onlyOpen = kind === "open";
    choose({ gaps: onlyOpen ? "" : "all" });
    loadGaps();
  });
  scope.table = gaps;
  root.append(
    el("section", { class: "panel", "aria-label": "Figures" }, list.node),
    panel("Gaps", kinds, more, gaps.node, "grow tall"),
    el(
      "div",
      { class: "columns halves" },
      panel("Completeness", el("small", { class: "muted" }, "of what was stored"), null, completeness.node),
      panel("Book health", null, null, health.node),
    ),
  );
}

const panel = (title, control, note, content, kind = "") =>
  el("section", { class: `panel ${kind}`, "aria-label": title }, el("header", {}, el("h2", {}, title), control, note), content);

const percent = (text) => (text === null || text === undefined ? "–" : `${text} %`);
const seconds = (row) => (row.over_time_us ? (row.over_time_us - row.opened_time_us) / 1e6 : null);
const atMost = (row) => (row.state === "superseded" ? "at most " : "");

const GAP_COLUMNS = [
  { key: "opened", title: "Opened (UTC)", kind: () => "time", text: (row) => dateAndTime(row.opened_time), order: (row) => row.opened_time_us },
  instrument,
  { key: "stream", title: "Stream", text: (row) => row.stream, order: (row) => row.stream },
  { key: "cause", title: "Cause", text: (row) => row.cause, order: (row) => row.cause },
  { key: "lasted", title: "Lasted", right: true, text: (row) => (row.over_time ? atMost(row) + duration(seconds(row)) : row.state), order: seconds, kind: (row) => (row.over_time ? "" : "warned") },
  { key: "missed", title: "Missed", right: true, wide: true, text: (row) => count(row.missed), order: (row) => row.missed },
  { key: "healed", title: "Healed", wide: true, text: (row) => (row.state === "closed" ? row.healed : row.state === "open" ? "" : row.state), order: (row) => row.healed },
  { key: "complete", title: "Complete", wide: true, text: (row) => (row.state === "open" ? "" : row.complete ? "yes" : "no"), kind: (row) => (row.state !== "open" && !row.complete ? "down" : "") },
];

const COMPLETENESS_COLUMNS = [
  instrument,
  { key: "book", title: "Book live", right: true, exact: true, text: (row) => percent(row.book_percent), order: (row) => row.book_percent, kind: (row) => shareClass(row.book_percent) },
  { key: "complete", title: "Trades complete", right: true, exact: true, text: (row) => percent(row.trades_percent), order: (row) => row.trades_percent, kind: (row) => shareClass(row.trades_percent) },
  { key: "trades", title: "Trades", right: true, wide: true, text: (row) => count(row.trades), order: (row) => row.trades },
  { key: "missing", title: "Missing", right: true, wide: true, text: (row) => count(row.missing), order: (row) => row.missing },
  { key: "gaps", title: "Gaps", right: true, text: (row) => count(row.gaps), order: (row) => row.gaps },
];

const shareClass = (text) => (text === null || text === undefined || Number(text) >= 99.99 ? "" : Number(text) >= 99 ? "warned" : "down");

const HEALTH_COLUMNS = [
  instrument,
  {
    key: "state",
    title: "State",
    order: (row) => row.state ?? "",
    create: (cell) => cell.append(el("span", { class: "badge" })),
    update: (cell, row) => {
      setText(cell.firstChild, row.crossed ? "crossed" : (row.state ?? "no book"));
      cell.firstChild.className = row.crossed ? "badge bad" : stateClass(row.state);
    },
  },
  { key: "age", title: "Age", right: true, text: (row) => age(ageOf(row)), order: (row) => ageOf(row) },
  { key: "gaps", title: "Open gaps", right: true, wide: true, text: (row) => count(row.open_gaps), order: (row) => row.open_gaps },
  { key: "resyncs", title: "Resyncs", right: true, wide: true, text: (row) => count(row.resyncs), order: (row) => row.resyncs },
];

