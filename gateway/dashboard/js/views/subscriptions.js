// Subscriptions: what shall be collected, by whom it is, and starting or stopping it.

import { ask, askAll, key, pathOf, setKey } from "../api.js";
import { el, setText } from "../dom.js";
import { feed } from "../feed.js";
import { dateAndTime, stateClass } from "../forms.js";
import { search, matches, wordsOf } from "../instruments.js";
import { said } from "../notices.js";
import { hashOf } from "../router.js";
import { Table } from "../table.js";
import { confirm } from "../windows.js";

const AGAIN_MS = 5_000;
const SEARCH_MS = 250;

export function open({ scope, root }) {
  const filter = el("input", { type: "search", placeholder: "Filter (/)", "aria-label": "Filter", spellcheck: "false" });
  const table = new Table(scope, {
    label: "Subscriptions",
    empty: "Nothing is subscribed to.",
    sort: { key: "instrument", down: false },
    columns: columns((row) => change(row)),
    rowKind: (row) => (row.on ? "" : "stale"),
  });
  const load = scope.poll(
    AGAIN_MS,
    (signal) => askAll("subscriptions", { signal }),
    (rows) => table.setRows(rows.map((row) => ({ ...row, id: row.instrument }))),
  );
  const act = (question, done) =>
    scope.ask(question, async ({ data }) => {
      said(done(data));
      load();
    });

  async function change(row) {
    if (!row.on) return subscribe(row, act);
    if (!(await confirm(`Collect ${row.instrument} no longer?`, "Stop collecting"))) return undefined;
    return act((signal) => ask(`subscriptions/${pathOf(row)}`, { method: "DELETE", signal }), (data) => `${row.instrument}: ${reached(data)}`);
  }

  const exchanges = el("div", { class: "exchanges" });
  scope.poll(AGAIN_MS, (signal) => ask("exchanges", { signal }), ({ data }) => showExchanges(exchanges, data, act));
  scope.listen(filter, "input", () => {
    const words = wordsOf(filter.value);
    table.filter(words.length ? (row) => matches(row.instrument, words) : null);
  });
  scope.table = table;
  scope.filter = filter;
  root.append(
    el(
      "div",
      { class: "columns side" },
      el("section", { class: "panel grow", "aria-label": "Subscriptions" }, el("header", {}, el("h2", {}, "Subscriptions"), filter), table.node),
      el(
        "div",
        { class: "stack" },
        el("section", { class: "panel", "aria-label": "Add" }, el("header", {}, el("h2", {}, "Add an instrument")), addForm(scope, act)),
        el("section", { class: "panel", "aria-label": "Collectors" }, el("header", {}, el("h2", {}, "Exchanges")), exchanges),
        el("section", { class: "panel", "aria-label": "Key" }, el("header", {}, el("h2", {}, "Key")), keyForm(scope)),
      ),
    ),
  );
}

const reached = (data) => [data.state, data.why].filter(Boolean).join(": ");

function subscribe({ exchange, market, symbol, channels }, act) {
  const body = { exchange, market, symbol, ...(channels?.length ? { channels } : {}) };
  return act((signal) => ask("subscriptions", { method: "POST", body, signal }), (data) => `${exchange}.${market}.${symbol}: ${reached(data)}`);
}

const columns = (change) => [
  { key: "instrument", title: "Instrument", text: (row) => row.instrument, order: (row) => row.instrument, link: (row) => hashOf({ view: "book", instrument: row.instrument }) },
  {
    key: "state",
    title: "State",
    order: (row) => row.state ?? "",
    create: (cell) => cell.append(el("span", { class: "badge" })),
    update: (cell, row) => {
      setText(cell.firstChild, row.state ?? (row.on ? "on" : "off"));
      cell.firstChild.className = stateClass(row.state);
    },
  },
  { key: "channels", title: "Channels", wide: true, text: (row) => (row.channels?.length ? row.channels.join(", ") : "as the producer's settings say") },
  { key: "collector", title: "Collector", wide: true, text: (row) => row.collector ?? "–", order: (row) => row.collector ?? "" },
  { key: "asked", title: "Asked (UTC)", wide: true, text: (row) => `${dateAndTime(row.asked_time)} ${row.asked_by ?? ""}`, order: (row) => row.asked_time ?? "" },
  {
    key: "act",
    title: "",
    right: true,
    create: (cell, current) => cell.append(el("button", { type: "button", class: "act", onclick: () => change(current()) })),
    update: (cell, row) => {
      setText(cell.firstChild, row.on ? "Remove" : "Add again");
      cell.firstChild.setAttribute("aria-label", `${row.on ? "Remove" : "Add again"} ${row.instrument}`);
    },
  },
];

function addForm(scope, act) {
  const offers = el("datalist", { id: "offers" });
  const name = el("input", { name: "instrument", required: true, placeholder: "binance.spot.SOL-USDT", list: "offers", spellcheck: "false", autocomplete: "off" });
  const channels = el("input", { name: "channels", placeholder: "all that the settings name", spellcheck: "false" });
  const form = el(
    "form",
    { class: "form" },
    el("label", { class: "field" }, "Instrument", name),
    el("label", { class: "field" }, "Channels (book, best, trades, ticker, klines …)", channels),
    offers,
    el("button", { class: "act main" }, "Subscribe"),
  );
  let timer = null;
  scope.onEnd(() => clearTimeout(timer));
  scope.listen(name, "input", () => {
    name.setCustomValidity("");
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (name.value.trim().length < 2) return;
      scope.ask((signal) => search(name.value.trim(), { signal }), (found) => {
        offers.replaceChildren(...found.map((each) => el("option", { value: each.instrument })));
      }, { quiet: true });
    }, SEARCH_MS);
  });
  scope.listen(form, "submit", (event) => {
    event.preventDefault();
    const [exchange, market, ...rest] = name.value.trim().split(".");
    if (!market || !rest.length) {
      name.setCustomValidity("exchange.market.SYMBOL, for example binance.spot.SOL-USDT");
      name.reportValidity();
      return;
    }
    subscribe({ exchange, market, symbol: rest.join("."), channels: channels.value.split(/[\s,]+/).filter(Boolean) }, act);
  });
  return form;
}

function showExchanges(node, found, act) {
  const order = (exchange, what) => async () => {
    if (what === "stop" && !(await confirm(`Stop collecting everything of ${exchange}?`, `Stop ${exchange}`))) return;
    act((signal) => ask(`collectors/${encodeURIComponent(exchange)}/${what}`, { method: "POST", signal }), (changed) => `${exchange}: ${changed.length} ${what === "stop" ? "stopped" : "started"}.`);
  };
  const rows = found.map(({ exchange, markets }) => {
    const collecting = markets.reduce((sum, each) => sum + (Number(each.collecting) || 0), 0);
    return el(
      "div",
      { class: "line exchange" },
      el("b", {}, exchange),
      el("span", { class: "muted" }, `${collecting} collected in ${markets.map((each) => each.market).join(", ")}`),
      el("button", { type: "button", class: "act push", onclick: order(exchange, "start"), "aria-label": `Start ${exchange}` }, "Start"),
      el("button", { type: "button", class: "act danger", onclick: order(exchange, "stop"), "aria-label": `Stop ${exchange}` }, "Stop"),
    );
  });
  const asked = JSON.stringify(found);
  if (node.dataset.asked === asked) return; // buttons under the pointer stay
  node.dataset.asked = asked;
  node.replaceChildren(...(rows.length ? rows : [el("p", { class: "empty" }, "No exchange yet.")]));
}

function keyForm(scope) {
  const input = el("input", { type: "password", name: "key", autocomplete: "off", placeholder: key() ? "a key is set" : "none", "aria-label": "API key" });
  const form = el(
    "form",
    { class: "form" },
    el("p", { class: "muted" }, "Needed for changes where the gateway is not local, and for all where it says so. Kept in this tab until it is closed."),
    el("div", { class: "line" }, input, el("button", { class: "act main" }, "Use"), el("button", { type: "button", class: "act", onclick: () => use("") }, "Forget")),
  );
  const use = (text) => {
    setKey(text);
    input.value = "";
    input.placeholder = text ? "a key is set" : "none";
    said(text ? "The key is used from now on." : "No key is used any more.");
    feed.restart();
  };
  scope.listen(form, "submit", (event) => {
    event.preventDefault();
    if (input.value.trim()) use(input.value.trim());
  });
  return form;
}
