// Alerts: the rules, and what they have said.

import { editRule } from "../alert_form.js";
import { inWords, KINDS, patternOf } from "../alert_kinds.js";
import { ask, askAll } from "../api.js";
import { choices } from "../choices.js";
import { shortened } from "../decimals.js";
import { el, setClass, setText } from "../dom.js";
import { dateAndTime } from "../forms.js";
import { said } from "../notices.js";
import { Table } from "../table.js";
import { confirm } from "../windows.js";

const RULES_MS = 10_000;
const LOG = 200;
const MOST = 500;

export function open({ scope, root }) {
  let all = [];
  let onlyFired = false;
  const rules = new Table(scope, {
    label: "Rules",
    empty: "No rules yet.",
    sort: { key: "name", down: false },
    columns: ruleColumns({ edit, remove, turn }),
    rowKind: (row) => (row.on ? "" : "stale"),
    onOpen: edit,
  });
  const log = new Table(scope, { label: "What has been alerted", empty: "Nothing has been alerted yet.", columns: LOG_COLUMNS });
  const load = scope.poll(RULES_MS, (signal) => askAll("alerts/rules", { signal }), (found) => rules.setRows(found));
  const send = (path, method, rule) => ask(`alerts/rules${path}`, { method, body: rule });

  function edit(rule) {
    editRule(rule, async (changed) => {
      const { data } = await (rule ? send(`/${encodeURIComponent(rule.id)}`, "PUT", changed) : send("", "POST", changed));
      said(`${data.id} is ${data.on ? "watched" : "kept, not watched"}.`);
      load();
    });
  }

  async function remove(rule) {
    if (!(await confirm(`Delete the rule ${rule.name || rule.id}?`, "Delete"))) return;
    await scope.ask(() => send(`/${encodeURIComponent(rule.id)}`, "DELETE", null), () => said(`${rule.id} is deleted.`));
    load();
  }

  async function turn(rule) {
    await scope.ask(() => send(`/${encodeURIComponent(rule.id)}`, "PUT", turned(rule)), () => {});
    load();
  }

  const showLog = () => log.setRows(onlyFired ? all.filter((each) => each.state === "fired") : all);
  const add = (alerts) => {
    const known = new Set(all.map((each) => each.id));
    const fresh = alerts.map(identified).filter((each) => !known.has(each.id));
    all = [...fresh, ...all].sort((left, right) => right.receive_time_us - left.receive_time_us).slice(0, MOST);
    showLog();
  };
  scope.ask((signal) => ask("alerts", { query: { limit: LOG }, signal }), ({ data }) => add(data), { quiet: true });
  scope.subscribe({ channel: "alerts" }, ({ data }) => add(data));

  scope.table = rules;
  root.append(
    el(
      "section",
      { class: "panel grow", "aria-label": "Rules" },
      el("header", {}, el("h2", {}, "Rules"), el("button", { type: "button", class: "act main push", onclick: () => edit(null) }, "New rule")),
      rules.node,
    ),
    el(
      "section",
      { class: "panel grow", "aria-label": "Log" },
      el("header", {}, el("h2", {}, "Alerted"), choices("Which", [["all", "All"], ["fired", "Fired"]], "all", (kind) => {
        onlyFired = kind === "fired";
        showLog();
      })),
      log.node,
    ),
  );
}

/** What is known of who changed it is not given back. */
function turned({ changed_by, changed_time, changed_time_us, ...rule }) {
  return { ...rule, on: !rule.on };
}

const identified = (alert) => ({ ...alert, id: `${alert.alert} ${alert.state}` });

const ruleColumns = ({ edit, remove, turn }) => [
  { key: "name", title: "Rule", text: (row) => row.name || row.id, hint: (row) => row.id, order: (row) => row.name || row.id },
  { key: "of", title: "Of", wide: true, text: patternOf, order: patternOf },
  { key: "what", title: "When", text: inWords, hint: inWords },
  { key: "webhook", title: "Webhook", wide: true, text: (row) => row.webhook ?? "–", hint: (row) => row.webhook },
  { key: "on", title: "", text: (row) => (row.on ? "on" : "off"), kind: (row) => (row.on ? "up" : "muted") },
  {
    key: "act",
    title: "",
    right: true,
    create: (cell, current) => {
      cell.turn = button(() => turn(current()));
      cell.edit = button(() => edit(current()));
      cell.remove = button(() => remove(current()));
      cell.append(cell.turn, cell.edit, cell.remove);
    },
    update: (cell, row) => {
      for (const [node, text] of [[cell.turn, row.on ? "Off" : "On"], [cell.edit, "Edit"], [cell.remove, "Delete"]]) {
        setText(node, text);
        node.setAttribute("aria-label", `${text} ${row.name || row.id}`);
      }
    },
  },
];

const button = (act) => el("button", { type: "button", class: "act", onclick: act });

const LOG_COLUMNS = [
  { key: "time", title: "Time (UTC)", kind: () => "time", text: (row) => dateAndTime(row.receive_time), order: (row) => row.receive_time_us },
  {
    key: "state",
    title: "State",
    create: (cell) => cell.append(el("span", {})),
    update: (cell, row) => {
      setText(cell.firstChild, row.state);
      setClass(cell.firstChild, row.state === "fired" ? "badge bad" : "badge good");
    },
  },
  { key: "rule", title: "Rule", wide: true, text: (row) => row.rule_name || row.rule, order: (row) => row.rule_name || row.rule },
  { key: "kind", title: "Kind", wide: true, text: (row) => KINDS[row.kind]?.title ?? row.kind, order: (row) => row.kind },
  { key: "instrument", title: "Instrument", wide: true, text: (row) => row.instrument ?? `${row.exchange}.${row.market}.${row.symbol}` },
  { key: "value", title: "Value", right: true, wide: true, text: (row) => (row.value ? shortened(row.value, 6) : "–"), hint: (row) => row.value },
  { key: "message", title: "Message", text: (row) => row.message, hint: (row) => row.message },
];
