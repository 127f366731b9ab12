// What the parts of an installation say of themselves, as rows: each part, each market's connections, each buffer.

import { count, measured } from "../forms.js";

const COUNTED = { producer: "frames", worker: "frames", sink: "rows" };

/** One row a part. */
export function partRows(parts, rates) {
  return parts.map(({ address, part, ok, problems, statistics }) => ({
    id: address,
    address,
    part: part ?? "unknown",
    ok,
    problem: Object.entries(problems ?? {}).map(([what, why]) => `${what}: ${why}`).join("; "),
    uptime: statistics?.uptime_s ?? null,
    rate: rates.of(address, statistics?.[COUNTED[part]], statistics?.uptime_s),
    unit: COUNTED[part] ?? "",
    lag: statistics?.lag ?? statistics?.in_flight ?? null,
    notes: notes(part, statistics),
  }));
}

function notes(part, said) {
  if (!said) return "";
  if (part === "producer") return listed({ reconnects: said.reconnects, errors: said.errors, undelivered: said.undelivered });
  if (part === "worker") return listed({ books: Object.keys(said.instruments ?? {}).length, "open gaps": said.open_gaps, "dead letters": said.dead_letters });
  if (part === "sink") return listed({ batches: said.batches, retries: said.retries, "dead letters": said.dead_letters });
  return "";
}

const listed = (figures) =>
  Object.entries(figures)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([what, value]) => `${count(value)} ${what}`)
    .join(" · ");

/** One row a market of a producer. */
export function connectionRows(parts, rates) {
  return parts.flatMap(({ address, part, statistics }) =>
    part !== "producer"
      ? []
      : Object.entries(statistics?.markets ?? {}).map(([market, said]) => ({
          id: `${address} ${market}`,
          market,
          state: said.state,
          connections: said.connections,
          rate: rates.of(`${address} ${market}`, said.frames, statistics.uptime_s),
          lost: said.lost,
          missing: said.missing?.length ?? 0,
          unknown: said.unknown_symbols ?? [],
          weight: said.weight_limit ? `${count(said.weight_used)} / ${count(said.weight_limit)}` : "–",
          oldest: oldest(said.age_s),
        })),
  );
}

function oldest(ages) {
  const known = Object.values(ages ?? {}).filter((each) => each !== null);
  return known.length ? Math.max(...known) : null;
}

/** One row a buffer, the fullest first. */
export function bufferRows(parts, gateway) {
  const all = [{ part: "gateway", address: "here", statistics: gateway }, ...parts];
  return all.flatMap(({ part, address, statistics }) =>
    Object.entries(statistics?.buffers ?? {}).map(([name, said]) => ({
      id: `${address} ${name}`,
      part,
      name,
      share: said.limit ? said.used / said.limit : 0,
      used: said.used,
      limit: said.limit,
      policy: said.policy,
      lost: said.lost,
    })),
  );
}

/** The way of a frame: how long each step takes. */
export function hops({ network, gateway, roundTripMs }) {
  const pair = (found) => (found?.p50 === null || found?.p50 === undefined ? "–" : `${measured(found.p50)} / ${measured(found.p99)} ms`);
  return [
    ["network", pair(network)],
    ["inside", pair(gateway)],
    ["browser", roundTripMs === null ? "–" : `${measured(roundTripMs / 2)} ms`],
  ];
}

/** Median and 99th percentile of the time from the exchange's own stamp to ours, of trades. */
export function networkLatency(trades) {
  const delays = trades
    .filter((each) => each.exchange_time_us)
    .map((each) => (each.receive_time_us - each.exchange_time_us) / 1000)
    .sort((left, right) => left - right);
  if (!delays.length) return { p50: null, p99: null };
  const at = (share) => delays[Math.min(delays.length - 1, Math.floor(share * delays.length))];
  return { p50: at(0.5), p99: at(0.99) };
}
