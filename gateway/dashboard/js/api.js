// The gateway's REST interface (docs/gateway.md): one function, one kind of error, in the gateway's own words.

const BASE = "/api/v1/";
const KEY = "bookmill.key";

/** What the gateway refused, or that it cannot be reached (code `unreachable`). */
export class ApiError extends Error {
  constructor({ status, code, message, hint = null, field = null }) {
    super(message);
    Object.assign(this, { status, code, hint, field });
  }

  /** Message and hint. */
  get sentence() {
    return this.hint ? `${this.message} ${this.hint}` : this.message;
  }
}

/** The API key of this tab, if one was given. */
export const key = () => sessionStorage.getItem(KEY) ?? "";

export function setKey(text) {
  if (text) sessionStorage.setItem(KEY, text);
  else sessionStorage.removeItem(KEY);
}

/** The path of an instrument below a resource: `binance/spot/BTC-USDT`. */
export const pathOf = (one) => [one.exchange, one.market, one.symbol].map(encodeURIComponent).join("/");

/** Ask for a path below the API, or with a slash before it for any; gives `{data, next}`. `query` values that are null or empty are left out. Raises ApiError, or AbortError when aborted. */
export async function ask(path, { method = "GET", query = {}, body = null, signal = null } = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const url = (path.startsWith("/") ? path : BASE + path) + (given.length ? `?${new URLSearchParams(given)}` : "");
  const headers = { Accept: "application/json" };
  if (key()) headers.Authorization = `Bearer ${key()}`;
  if (body !== null) headers["Content-Type"] = "application/json";
  const answer = await fetchFrom(url, { method, headers, signal, body: body === null ? undefined : JSON.stringify(body) });
  if (answer.status === 204) return { data: null, next: null };
  const content = await contentOf(answer);
  if (content?.error) throw new ApiError(content.error);
  if (content === null || !("data" in content)) throw new ApiError(unreadable(answer));
  return content;
}

/** All of a paged list, up to so many rows. */
export async function askAll(path, { query = {}, signal = null, most = 10_000 } = {}) {
  const rows = [];
  let cursor = null;
  do {
    const { data, next } = await ask(path, { query: { ...query, cursor }, signal });
    rows.push(...data);
    cursor = next ?? null;
  } while (cursor && rows.length < most);
  return rows;
}

async function fetchFrom(url, options) {
  try {
    return await fetch(url, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError({ status: 0, code: "unreachable", message: "The gateway does not answer." });
  }
}

async function contentOf(answer) {
  try {
    return await answer.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    return null;
  }
}

const unreadable = (answer) => ({
  status: answer.status,
  code: "internal",
  message: `The gateway answered ${answer.status} with something unreadable.`,
});
