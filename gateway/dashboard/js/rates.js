// Rates out of counters that are told now and then: what is added, by the time that has passed where they are counted.

export class Rates {
  #before = new Map();

  /** Per second since this counter was told before, `seconds` being its own clock; null the first time, and after it began anew. */
  of(name, value, seconds) {
    if (typeof value !== "number" || typeof seconds !== "number") return null;
    const before = this.#before.get(name);
    if (before && before.seconds === seconds) return before.rate; // told again
    const rate = !before || seconds < before.seconds ? null : Math.max(0, value - before.value) / (seconds - before.seconds);
    this.#before.set(name, { value, seconds, rate });
    return rate;
  }
}
