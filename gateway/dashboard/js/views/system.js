// System: what runs, how it is, how much comes through, how far it is behind, and how long each step takes.

import { ask } from "../api.js";
import { el, figures, setText } from "../dom.js";
import { feed } from "../feed.js";
import { bytes, count, dateAndTime, duration, measured, stateClass } from "../forms.js";
import { Rates } from "../rates.js";
import { Table } from "../table.js";
import { bufferRows, connectionRows, hops, networkLatency, partRows } from "./system_rows.js";

const SLOW_MS = 5_000;
const STORED_MS = 10_000;
const TRADES = 200;

export function open({ scope, root }) {
  const rates = new Rates();
  const list = figures(FIGURES);
  const tables = {
    parts: new Table(scope, { label: "Parts", columns: PARTS, empty: "No part is named in gateway.parts.", rowKind: (row) => (row.ok ? "" : "open") }),
    connections: new Table(scope, { label: "Connections", columns: CONNECTIONS, empty: "No producer tells of connections." }),
    buffers: new Table(scope, { label: "Buffers", columns: BUFFERS, empty: "No buffers.", sort: { key: "share", down: true } }),
    topics: new Table(scope, { label: "Rates by topic", columns: TOPICS, empty: "No events yet." }),
    stored: new Table(scope, { label: "Stored", columns: STORED, empty: "Nothing is stored yet." }),
  };
  const dependencies = el("span", { class: "line" });
  let status = null;
  let network = null;

  const render = () => {
    if (!status) return;
    const { gateway = {}, parts = [], collectors = [] } = status;
    list.set("version", status.version);
    list.set("uptime", duration(status.uptime_s));
    list.set("events", measured(gateway.events_per_s));
    list.set("lag", count(gateway.lag), gateway.lag > 1000 ? "warned" : "");
    list.set("memory", gateway.memory_mib === undefined ? "–" : `${measured(gateway.memory_mib)} MiB`);
    list.set("clients", `${count(gateway.clients)} / ${count(gateway.subscriptions)}`);
    list.set("collectors", count(collectors.length));
    for (const [key, text] of hops({ network, gateway: gateway.latency_ms, roundTripMs: feed.roundTripMs })) list.set(key, text);
    tables.parts.setRows(partRows(parts, rates));
    tables.connections.setRows(connectionRows(parts, rates));
    tables.buffers.setRows(bufferRows(parts, gateway));
    tables.topics.setRows(Object.entries(gateway.events_per_s_by_topic ?? {}).map(([topic, rate]) => ({ id: topic, topic, rate })));
  };

  root.append(
    el("section", { class: "panel", "aria-label": "Gateway" }, el("header", {}, el("h2", {}, "Gateway"), dependencies), list.node),
    el("div", { class: "columns system" }, panel("Parts", tables.parts), panel("Connections", tables.connections)),
    el("div", { class: "columns thirds" }, panel("Buffers", tables.buffers), panel("Events per second", tables.topics), panel("Stored", tables.stored)),
  );
  scope.table = tables.parts;
  scope.subscribe({ channel: "status" }, ({ data }) => {
    status = data;
    scope.draw(render);
  });
  scope.poll(SLOW_MS, (signal) => ask("/health", { signal }), ({ data }) => showDependencies(dependencies, data));
  scope.poll(SLOW_MS, (signal) => ask("trades", { query: { limit: TRADES }, signal }), ({ data }) => {
    network = networkLatency(data);
    feed.ping();
    scope.draw(render);
  });
  scope.poll(STORED_MS, (signal) => ask("stats", { signal }), ({ data }) => tables.stored.setRows(data.tables.map((row) => ({ ...row, id: row.table }))));
}

const panel = (title, table) => el("section", { class: "panel", "aria-label": title }, el("header", {}, el("h2", {}, title)), table.node);

const FIGURES = [
  ["version", "Version"],
  ["uptime", "Up"],
  ["events", "Events per second"],
  ["lag", "Records behind"],
  ["memory", "Memory"],
  ["clients", "Clients / subscriptions"],
  ["collectors", "Collectors"],
  ["network", "Exchange → receipt (p50 / p99)", "From the exchange's own time stamp of trades to ours; their clocks may differ"],
  ["inside", "Receipt → gateway (p50 / p99)"],
  ["browser", "Gateway → browser", "Half of a ping and its answer"],
];

const PARTS = [
  { key: "part", title: "Part", text: (row) => row.part, order: (row) => row.part },
  { key: "address", title: "Address", wide: true, text: (row) => row.address.replace(/^https?:\/\//, ""), kind: () => "muted" },
  badge("ok", "State", (row) => (row.ok ? "ok" : "problem"), (row) => row.problem),
  { key: "uptime", title: "Up", right: true, wide: true, text: (row) => duration(row.uptime), order: (row) => row.uptime },
  { key: "rate", title: "Per second", right: true, text: (row) => (row.rate === null ? "–" : `${measured(row.rate)} ${row.unit}`), order: (row) => row.rate },
  { key: "lag", title: "Behind", right: true, text: (row) => count(row.lag), order: (row) => row.lag },
  { key: "notes", title: "", wide: true, text: (row) => row.problem || row.notes, hint: (row) => row.problem || row.notes, kind: (row) => (row.problem ? "down" : "muted") },
];

const CONNECTIONS = [
  { key: "market", title: "Market", text: (row) => row.market, order: (row) => row.market },
  badge("state", "State", (row) => row.state, (row) => (row.unknown.length ? `unknown: ${row.unknown.join(", ")}` : "")),
  { key: "connections", title: "Connections", right: true, text: (row) => count(row.connections), order: (row) => row.connections },
  { key: "rate", title: "Frames/s", right: true, text: (row) => measured(row.rate), order: (row) => row.rate },
  { key: "lost", title: "Lost", right: true, wide: true, text: (row) => count(row.lost), order: (row) => row.lost },
  { key: "oldest", title: "Quietest stream", right: true, wide: true, text: (row) => (row.oldest === null ? "–" : duration(row.oldest)), order: (row) => row.oldest },
  { key: "weight", title: "REST weight", right: true, wide: true, text: (row) => row.weight },
];

const BUFFERS = [
  { key: "name", title: "Buffer", text: (row) => row.name, order: (row) => row.name },
  { key: "part", title: "Part", wide: true, text: (row) => row.part, order: (row) => row.part },
  { key: "used", title: "Used", right: true, text: (row) => count(row.used), order: (row) => row.used },
  { key: "limit", title: "Limit", right: true, wide: true, text: (row) => count(row.limit) },
  { key: "share", title: "Full", right: true, text: (row) => `${measured(100 * row.share)} %`, order: (row) => row.share, kind: (row) => (row.share > 0.8 ? "down" : row.share > 0.5 ? "warned" : "") },
  { key: "lost", title: "Lost", right: true, text: (row) => count(row.lost), order: (row) => row.lost, kind: (row) => (row.lost ? "warned" : "") },
];

const TOPICS = [
  { key: "topic", title: "Topic", text: (row) => row.topic, order: (row) => row.topic },
  { key: "rate", title: "Events/s", right: true, text: (row) => measured(row.rate), order: (row) => row.rate },
];

const STORED = [
  { key: "table", title: "Table", text: (row) => row.table, order: (row) => row.table },
  { key: "rows", title: "Rows", right: true, text: (row) => count(row.rows), order: (row) => row.rows },
  { key: "bytes", title: "On disk", right: true, text: (row) => bytes(row.bytes), order: (row) => row.bytes },
  { key: "newest", title: "Newest (UTC)", right: true, wide: true, text: (row) => dateAndTime(row.newest) },
];

function badge(key, title, textOf, hint) {
  return {
    key,
    title,
    hint,
    order: textOf,
    create: (cell) => cell.append(el("span", { class: "badge" })),
    update: (cell, row) => {
      setText(cell.firstChild, textOf(row) ?? "–");
      cell.firstChild.className = stateClass(textOf(row));
    },
  };
}

function showDependencies(node, { ready, dependencies }) {
  node.replaceChildren(
    el("span", { class: ready ? "badge good" : "badge bad" }, ready ? "ready" : "not ready"),
    ...Object.entries(dependencies ?? {}).map(([name, { ok, message }]) =>
      el("span", { class: ok ? "badge good" : "badge bad", title: message || null }, ok ? name : `${name}: ${message}`),
    ),
  );
}
