// How long to wait before connecting again: longer each time, with chance in it, and short again only after proven health.

const FIRST_MS = 500;
const LONGEST_MS = 15_000;
const HEALTHY_MS = 5_000;

export class Backoff {
  constructor() {
    this.failures = 0;
  }

  /** After a connection that stood for so long (0: it never did), the wait until the next. */
  next(stoodMs) {
    if (stoodMs >= HEALTHY_MS) this.failures = 0;
    const full = Math.min(LONGEST_MS, FIRST_MS * 2 ** this.failures);
    this.failures += 1;
    return full / 2 + (Math.random() * full) / 2;
  }
}
