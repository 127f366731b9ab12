// The API's documentation, made of /openapi.json. Texts only ever become text nodes.

const METHODS = ["get", "post", "put", "delete"];
const SHOWN = 20_000;

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/** A sentence; what stands between backticks is code. */
function prose(name, text, properties = {}) {
  const parts = text.split(/`([^`]*)`/);
  return element(name, properties, ...parts.map((part, number) => (number % 2 ? element("code", {}, part) : part)));
}

/** The example of a schema: its own, or one put together of its parts. */
function example(schema, api, depth = 0) {
  if (!schema || depth > 8) return null;
  if (schema.$ref) return example(api.components.schemas[schema.$ref.split("/").pop()], api, depth + 1);
  if (schema.examples?.length) return schema.examples[0];
  if ("const" in schema) return schema.const;
  if (schema.enum) return schema.enum[0];
  if ("default" in schema && schema.default !== null) return schema.default;
  const some = schema.anyOf ?? schema.oneOf ?? schema.allOf;
  if (some) return example(some.find((each) => each.type !== "null"), api, depth + 1);
  if (schema.prefixItems) return schema.prefixItems.map((each) => example(each, api, depth + 1));
  if (schema.type === "array") return [example(schema.items, api, depth + 1)];
  if (schema.properties) {
    return Object.fromEntries(
      Object.entries(schema.properties).map(([name, each]) => [name, example(each, api, depth + 1)]),
    );
  }
  return { string: "…", integer: 0, number: 0, boolean: true, object: {} }[schema.type] ?? null;
}

function parameterRow(parameter) {
  const schema = parameter.schema ?? {};
  const given = schema.examples?.[0] ?? parameter.examples?.[0] ?? "";
  const input = element("input", { name: parameter.name, type: "text", placeholder: String(given), autocomplete: "off" });
  input.dataset.place = parameter.in;
  if (parameter.in === "path") input.value = given;
  input.setAttribute("aria-label", parameter.name);
  const usual = schema.default !== undefined && schema.default !== null && schema.default !== "" ? `; ${schema.default} without it` : "";
  return element(
    "tr",
    {},
    element("td", {}, element("code", {}, parameter.name), parameter.required ? element("span", { className: "needed" }, " needed") : ""),
    prose("td", (parameter.description ?? schema.description ?? "") + usual),
    element("td", {}, input),
  );
}

async function call(method, path, form, shown) {
  let address = path;
  const query = new URLSearchParams();
  for (const input of form.querySelectorAll("input[data-place]")) {
    if (input.dataset.place === "path") address = address.replace(`{${input.name}}`, encodeURIComponent(input.value));
    else if (input.dataset.place === "query" && input.value) query.append(input.name, input.value);
  }
  const key = form.querySelector("input[name=key]")?.value;
  const body = form.querySelector("textarea")?.value;
  const headers = { ...(key && { "X-Api-Key": key }), ...(body && { "Content-Type": "application/json" }) };
  const target = query.size ? `${address}?${query}` : address;
  shown.hidden = false;
  shown.textContent = `${method.toUpperCase()} ${target} …`;
  try {
    const began = performance.now();
    const answer = await fetch(target, { method, headers, body: body || undefined });
    const text = await answer.text();
    let laid = text;
    try {
      laid = JSON.stringify(JSON.parse(text), null, 2);
    } catch {
      // no JSON: metrics, a page
    }
    const cut = laid.length > SHOWN ? `${laid.slice(0, SHOWN)}\n… (${laid.length} characters)` : laid;
    shown.textContent = `${answer.status} in ${Math.round(performance.now() - began)} ms: ${method.toUpperCase()} ${target}\n\n${cut}`;
  } catch (error) {
    shown.textContent = `No answer: ${error.message}`;
  }
}

function operation(path, method, described, api) {
  const form = element("form", { className: "body" });
  const [short, ...more] = (described.description ?? "").split("\n");
  if (more.length) form.append(prose("p", more.join(" ").trim()));
  if (described.parameters?.length) {
    const head = element("thead", {}, element("tr", {}, ...["parameter", "what", "value"].map((name) => element("th", {}, name))));
    form.append(element("table", {}, head, element("tbody", {}, ...described.parameters.map(parameterRow))));
  }
  const asked = described.requestBody?.content?.["application/json"]?.schema;
  if (asked) {
    const area = element("textarea", { value: JSON.stringify(example(asked, api), null, 2), spellcheck: false });
    area.setAttribute("aria-label", "body");
    form.append(area);
  }
  if (method !== "get") {
    const key = element("input", { name: "key", type: "password", placeholder: "API key, where one is needed", autocomplete: "off" });
    key.setAttribute("aria-label", "API key");
    form.append(element("p", {}, key));
  }
  const shown = element("pre", { hidden: true });
  form.append(element("button", { type: "submit" }, "Send"), shown);
  const well = Object.entries(described.responses ?? {}).find(([status]) => status < "300")?.[1];
  const answered = well?.content?.["application/json"]?.schema;
  if (answered && Object.keys(answered).length) {
    form.append(element("p", {}, "An answer, in its form:"), element("pre", {}, JSON.stringify(example(answered, api), null, 2)));
  }
  const errors = Object.keys(described.responses ?? {}).filter((status) => status >= "400");
  if (errors.length) form.append(element("p", {}, `Errors: ${errors.join(", ")}, in the one form {"error": {…}}.`));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    call(method, path, form, shown);
  });
  const details = element(
    "details",
    { id: `${method}-${path}` },
    element(
      "summary",
      {},
      element("span", { className: "method" }, method.toUpperCase()),
      element("span", { className: "path" }, path),
      prose("span", short, { className: "short" }),
    ),
    form,
  );
  details.dataset.words = `${method} ${path} ${described.description ?? ""}`.toLowerCase();
  return details;
}

function show(api) {
  document.title = `${api.info.title} API ${api.info.version}`;
  document.querySelector("h1").textContent = `${api.info.title} API ${api.info.version}`;
  document.querySelector("#about").replaceWith(prose("p", api.info.description ?? "", { id: "about" }));
  const groups = new Map();
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const method of METHODS.filter((each) => methods[each])) {
      const tag = methods[method].tags?.[0] ?? "other";
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push(operation(path, method, methods[method], api));
    }
  }
  const main = document.querySelector("#paths");
  main.replaceChildren();
  for (const [tag, operations] of groups) {
    main.append(element("section", { id: tag }, element("h2", {}, tag), ...operations));
  }
  document.querySelector("#contents").replaceChildren(...[...groups.keys()].map((tag) => element("a", { href: `#${tag}` }, tag)));
  const filter = document.querySelector("#filter");
  filter.addEventListener("input", () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const details of main.querySelectorAll("details")) {
      details.hidden = !words.every((word) => details.dataset.words.includes(word));
    }
    for (const section of main.querySelectorAll("section")) {
      section.hidden = !section.querySelector("details:not([hidden])");
    }
  });
}

try {
  const answer = await fetch("openapi.json");
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  show(await answer.json());
} catch (error) {
  document.querySelector("#waiting").textContent = `openapi.json cannot be read: ${error.message}`;
}
