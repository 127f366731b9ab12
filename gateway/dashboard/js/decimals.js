// Exact decimals: texts as the gateway sends them, BigInts of 10^-18 where something is added up. A float is for plotting only.

const PLACES = 18;
const ONE = 10n ** BigInt(PLACES);

/** The text as a whole number of 10^-18. */
export function scaled(text) {
  const negative = text.startsWith("-");
  const [whole, fraction = ""] = (negative ? text.slice(1) : text).split(".");
  const value = BigInt(whole + fraction.slice(0, PLACES).padEnd(PLACES, "0"));
  return negative ? -value : value;
}

/** The shortest text of a whole number of 10^-18. */
export function textOf(value) {
  const negative = value < 0n;
  const digits = (negative ? -value : value).toString().padStart(PLACES + 1, "0");
  const fraction = digits.slice(-PLACES).replace(/0+$/, "");
  return (negative ? "-" : "") + digits.slice(0, -PLACES) + (fraction ? `.${fraction}` : "");
}

/** Price times quantity, cut after 18 places. */
export function product(left, right) {
  return textOf((scaled(left) * scaled(right)) / ONE);
}

/** Negative, zero or positive, as a sort wants it. */
export function compare(left, right) {
  const minus = left.startsWith("-");
  if (minus !== right.startsWith("-")) return minus ? -1 : 1;
  return minus ? -comparePositive(left.slice(1), right.slice(1)) : comparePositive(left, right);
}

function comparePositive(left, right) {
  const leftPoint = left.indexOf(".");
  const rightPoint = right.indexOf(".");
  const leftWhole = leftPoint < 0 ? left : left.slice(0, leftPoint);
  const rightWhole = rightPoint < 0 ? right : right.slice(0, rightPoint);
  if (leftWhole.length !== rightWhole.length) return leftWhole.length - rightWhole.length;
  if (leftWhole !== rightWhole) return leftWhole < rightWhole ? -1 : 1;
  const leftFraction = leftPoint < 0 ? "" : left.slice(leftPoint + 1);
  const rightFraction = rightPoint < 0 ? "" : right.slice(rightPoint + 1);
  if (leftFraction === rightFraction) return 0;
  return leftFraction < rightFraction ? -1 : 1;
}

export const larger = (left, right) => (compare(left, right) < 0 ? right : left);
export const smaller = (left, right) => (compare(left, right) > 0 ? right : left);

/** How many digits stand after the point. */
export function placesOf(text) {
  const point = text.indexOf(".");
  return point < 0 ? 0 : text.length - point - 1;
}

/** With zeros added to so many places, so that points stand below each other; nothing is ever cut. */
export function padded(text, places) {
  const missing = places - placesOf(text);
  if (missing <= 0) return text;
  return (text.includes(".") ? text : `${text}.`) + "0".repeat(missing);
}

/** At most so many places, cut, not rounded. */
export function clipped(text, places) {
  return placesOf(text) <= places ? text : text.slice(0, text.length - placesOf(text) + places);
}

/** The same without zeros at its end, and with a space between thousands: for sums and volumes. */
export function shortened(text, places) {
  const [whole, fraction = ""] = text.split(".");
  const kept = fraction.slice(0, places).replace(/0+$/, "");
  if (whole === "-0" && !kept) return "0";
  return whole.replace(/\B(?=(\d{3})+$)/g, "\u202f") + (kept ? `.${kept}` : "");
}

/** For a place on the screen. */
export const plotted = (text) => Number(text);
