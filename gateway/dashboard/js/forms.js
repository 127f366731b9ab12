// How values look: ages, times, counts, states.

import { shortened } from "./decimals.js";

/** Milliseconds as a short age. */
export function age(milliseconds) {
  if (milliseconds === null || milliseconds === undefined) return "–";
  if (milliseconds < 1000) return "<1 s";
  if (milliseconds < 60_000) return `${Math.floor(milliseconds / 1000)} s`;
  if (milliseconds < 3_600_000) return `${Math.floor(milliseconds / 60_000)} min`;
  if (milliseconds < 86_400_000) return `${Math.floor(milliseconds / 3_600_000)} h`;
  return `${Math.floor(milliseconds / 86_400_000)} d`;
}

/** Seconds as a duration: `2 h 5 min`. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const whole = Math.floor(seconds);
  if (whole < 60) return seconds < 10 ? `${Math.floor(seconds * 10) / 10} s` : `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3600)} h`;
}

/** An ISO time's time of day, to the millisecond (UTC). */
export const timeOfDay = (iso) => (iso ? iso.slice(11, 23) : "–");

/** An ISO time's date and time, to the second (UTC). */
export const dateAndTime = (iso) => (iso ? `${iso.slice(0, 10)} ${iso.slice(11, 19)}` : "–");

/** A count with a space between thousands. */
export function count(value) {
  if (value === null || value === undefined) return "–";
  return Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

/** A measured number, short. */
export function measured(value, unit = "") {
  if (value === null || value === undefined) return "–";
  const number = Number(value);
  const size = Math.abs(number);
  const text = size >= 100 || Number.isInteger(number) ? count(number) : number.toFixed(size >= 10 ? 1 : 2);
  return unit ? `${text} ${unit}` : text;
}

/** Bytes in the unit that reads best. */
export function bytes(value) {
  if (value === null || value === undefined) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let size = Number(value);
  let step = 0;
  while (size >= 1024 && step < units.length - 1) {
    size /= 1024;
    step += 1;
  }
  return measured(size, units[step]);
}

/** The class of a state's badge. */
export function stateClass(state) {
  if (state === "live" || state === "collected" || state === "connected" || state === "ok") return "badge good";
  if (state === "degraded" || state === "stale" || state === "resyncing" || state === "polling" || state === "pending") return "badge warn";
  if (state === null || state === undefined || state === "" || state === "stopped") return "badge";
  return "badge bad";
}

/** The class of a signed decimal text: rising, falling or neither. */
export function signClass(text) {
  if (!text || /^(-?[0.]*|–)$/.test(text)) return "";
  return text.startsWith("-") ? "down" : "up";
}

/** A decimal text with at most so many places, cut. */
export const cut = (text, places) => (text === null || text === undefined ? "–" : shortened(String(text), places));

/** The same with its sign, also when positive. */
export function signed(text, places) {
  const shown = cut(text, places);
  return signClass(shown) === "up" ? `+${shown}` : shown;
}
