// What a view has begun and must end: listeners, subscriptions, timers, questions, drawings.

import { feed } from "./feed.js";
import { draw, every, undraw } from "./frame.js";
import { watch as watchTheme } from "./theme.js";
import * as notices from "./notices.js";

export class Scope {
  #ends = [];
  #jobs = new Set();
  #abort = new AbortController();

  /** For questions that need no answer once the view is gone. */
  get signal() {
    return this.#abort.signal;
  }

  get closed() {
    return this.#abort.signal.aborted;
  }

  /** Called when the view goes. */
  onEnd(end) {
    this.#ends.push(end);
  }

  listen(target, name, listener, options = {}) {
    target.addEventListener(name, listener, { ...options, signal: this.signal });
  }

  /** Follow a channel while the view is shown; `refused(error)` is called where the gateway does not let it. */
  subscribe(request, take, refused = notices.failed) {
    const end = feed.subscribe(request, (message) => {
      if (message.type === "error") refused(message.error);
      else take(message);
    });
    this.onEnd(end);
    return end;
  }

  onConnection(listener) {
    this.onEnd(feed.watch(listener));
  }

  onTheme(listener) {
    this.onEnd(watchTheme(listener));
  }

  every(milliseconds, job) {
    this.onEnd(every(milliseconds, job));
  }

  draw(job) {
    if (this.closed) return;
    this.#jobs.add(job);
    draw(job);
  }

  /** Ask with `question(signal)`, give the answer to `use`; what goes wrong is shown, once. */
  async ask(question, use, { quiet = false } = {}) {
    try {
      const answer = await question(this.signal);
      if (!this.closed) await use(answer);
    } catch (error) {
      if (this.closed || error.name === "AbortError") return;
      if (!quiet || error.code !== "unreachable") notices.failed(error);
    }
  }

  /** The same at once and again each so many milliseconds, never two at a time. */
  poll(milliseconds, question, use) {
    let asking = false;
    const once = async () => {
      if (asking) return;
      asking = true;
      await this.ask(question, use, { quiet: true });
      asking = false;
    };
    once();
    this.every(milliseconds, once);
    return once;
  }

  end() {
    this.#abort.abort();
    for (const job of this.#jobs) undraw(job);
    for (const end of this.#ends) end();
  }
}
