// The form of an alert rule. What may stand in it the gateway decides; its sentence is shown where it refuses.

import { KINDS } from "./alert_kinds.js";
import { el } from "./dom.js";
import { formWindow } from "./windows.js";

/** Ask for a rule's fields, `rule` null for a new one; `save(rule)` sends it. */
export function editRule(rule, save) {
  const condition = rule?.condition ?? {};
  const kind = choice({ name: "kind", label: "What is watched for", options: Object.entries(KINDS).map(([value, { title }]) => [value, title]) }, condition.kind);
  const parameters = el("div", { class: "grid" });
  const showParameters = () => {
    const chosen = kind.lastChild.value;
    parameters.replaceChildren(...KINDS[chosen].fields.map((each) => field(each, chosen === condition.kind ? condition[each.name] : undefined)));
  };
  kind.lastChild.addEventListener("change", showParameters);
  showParameters();

  const fields = el(
    "div",
    { class: "stack" },
    el(
      "div",
      { class: "grid" },
      field({ name: "name", label: "Name", optional: true }, rule?.name),
      rule ? null : field({ name: "id", label: "Id (made up where empty)", optional: true }),
    ),
    el(
      "div",
      { class: "grid three" },
      field({ name: "exchange", label: "Exchange", value: "*" }, rule?.exchange),
      field({ name: "market", label: "Market", value: "*" }, rule?.market),
      field({ name: "symbol", label: "Symbol", value: "*" }, rule?.symbol),
    ),
    kind,
    parameters,
    el(
      "div",
      { class: "grid" },
      field({ name: "hysteresis", label: "Hysteresis (back before it ends)", value: "0" }, rule?.hysteresis),
      field({ name: "cooldown_s", label: "Cool-down (seconds)", value: "0" }, rule?.cooldown_s),
    ),
    field({ name: "webhook", label: "Webhook (URL)", optional: true }, rule?.webhook),
    check("dashboard", "Call attention in the dashboard", rule?.dashboard ?? true),
    check("cleared", "Tell the webhook when it has ended, too", rule?.cleared ?? true),
    check("on", "Watch it", rule?.on ?? true),
  );
  formWindow(rule ? `Alert ${rule.id}` : "New alert", fields, (form) => save(ruleOf(form, rule)));
}

/** The rule that the form says. */
function ruleOf(form, rule) {
  const text = (name) => form.elements[name].value.trim();
  const kind = text("kind");
  const condition = { kind };
  for (const { name, whole } of KINDS[kind].fields) condition[name] = whole ? Number(text(name)) : text(name);
  return {
    id: rule?.id ?? (text("id") || idOf(text("name")) || null),
    name: text("name"),
    on: form.elements.on.checked,
    exchange: text("exchange"),
    market: text("market"),
    symbol: text("symbol"),
    condition,
    hysteresis: text("hysteresis") || "0",
    cooldown_s: text("cooldown_s") || "0",
    webhook: text("webhook") || null,
    dashboard: form.elements.dashboard.checked,
    cleared: form.elements.cleared.checked,
  };
}

/** Small letters, digits and dashes. */
const idOf = (name) => name.toLowerCase().replace(/[^a-z0-9._]+/g, "-").replace(/^[-._]+|-+$/g, "").slice(0, 64);

function field(described, value) {
  if (described.options) return choice(described, value);
  const { name, label, whole, optional } = described;
  return el(
    "label",
    { class: "field" },
    label,
    el("input", {
      name,
      value: value ?? described.value ?? "",
      required: !optional,
      inputmode: whole ? "numeric" : null,
      pattern: whole ? "[0-9]+" : null,
      autocomplete: "off",
      spellcheck: "false",
    }),
  );
}

function choice({ name, label, options }, value) {
  const pairs = options.map((each) => (Array.isArray(each) ? each : [each, each]));
  const select = el("select", { name }, ...pairs.map(([key, text]) => el("option", { value: key }, text)));
  select.value = value ?? pairs[0][0];
  return el("label", { class: "field" }, label, select);
}

function check(name, label, checked) {
  const box = el("input", { type: "checkbox", name });
  box.checked = checked;
  return el("label", { class: "check" }, box, label);
}
