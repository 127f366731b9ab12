// How old a live value is by now, and whether it may still be trusted. The gateway says the age; this machine's clock only adds what has passed since.

import { ask } from "./api.js";

let staleAfterMs = 15_000;

/** Take the limit from the gateway's settings; without them the default stays. */
export async function learn() {
  try {
    const { data } = await ask("config");
    if (data.gateway?.stale_after_s > 0) staleAfterMs = data.gateway.stale_after_s * 1000;
  } catch (error) {
    if (!error.code) throw error;
  }
}

/** Remember when a value with `age_ms` and `stale` was heard. */
export function heard(value) {
  value.heardAt = performance.now();
  return value;
}

/** Milliseconds since its frame was received. */
export const ageOf = (value) => (value.age_ms ?? 0) + performance.now() - value.heardAt;

/** Too old, or of a book that is not live. */
export const isStale = (value) => Boolean(value.stale) || ageOf(value) > staleAfterMs;

/** The state to show: what was live and has not been heard of for too long is called so no more. */
export const stateOf = (value) => (value.state === "live" && isStale(value) ? "stale" : value.state);
