// Rates out of counters that are told now and then: what is added, by the time that has passed.

export class Rates {
  #before = new Map();

  /** Per second since this counter was told before; null the first time, and after it began anew. */
  of(name, value) {
    if (typeof value !== "number") return null;
    const now = performance.now();
    const before = this.#before.get(name);
    if (!before) {
      this.#before.set(name, { value, now, rate: null });
      return null;
    }
    if (now - before.now < 500) return before.rate;
    const rate = value < before.value ? null : ((value - before.value) * 1000) / (now - before.now);
    this.#before.set(name, { value, now, rate });
    return rate;
  }
}
