// The gateway's websocket: one connection for the whole page, which comes back by itself with all subscriptions.

import { key } from "./api.js";
import { Backoff } from "./backoff.js";
import { Follower } from "./follower.js";

const HIDDEN_MS = 60_000;
const OVERDUE_MS = 5_000;
const WATCH_MS = 1_000;
const REFUSED = 1008;

class Subscription {
  constructor(request, take) {
    this.request = request;
    this.take = take;
    this.sid = null;
    this.followers = new Map();
  }
}

/** Connection states: `connecting`, `open`, `lost` (tries again at `retryAt`), `paused` (nobody looks). */
class Feed {
  #socket = null;
  #subscriptions = new Map();
  #bySid = new Map();
  #ids = 0;
  #backoff = new Backoff();
  #openedAt = 0;
  #heardAt = 0;
  #heartbeatMs = 15_000;
  #retry = null;
  #hidden = null;
  #pinged = null;
  #listeners = new Set();

  state = "connecting";
  retryAt = 0;
  reason = "";
  slow = null;
  roundTripMs = null;
  messages = 0;

  /** Connect; called once. */
  start() {
    setInterval(() => this.#watch(), WATCH_MS);
    document.addEventListener("visibilitychange", () => this.#look());
    addEventListener("online", () => this.retryNow());
    this.#connect();
  }

  /** Call with each change of state. */
  watch(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Follow a channel. `take(message)` gets snapshots and the updates that follow them, and `{type: "error", error}` where the gateway refuses.
   * Gives back what ends it.
   */
  subscribe(request, take) {
    const id = ++this.#ids;
    this.#subscriptions.set(id, new Subscription(request, take));
    if (this.state === "open") this.#send({ op: "subscribe", ...request, id });
    return () => this.#unsubscribe(id);
  }

  /** Try at once instead of waiting. */
  retryNow() {
    if (this.state === "lost") this.#connect();
  }

  /** Begin anew, with the key as it is now. */
  restart() {
    this.#socket?.close(1000);
    this.#ended(null);
    this.#connect();
  }

  /** Measure the way to the gateway and back; `roundTripMs` has it when the answer is there. */
  ping() {
    if (this.state !== "open") return;
    this.#pinged = { id: ++this.#ids, at: performance.now() };
    this.#send({ op: "ping", id: this.#pinged.id });
  }

  #unsubscribe(id) {
    const subscription = this.#subscriptions.get(id);
    if (!subscription) return;
    this.#subscriptions.delete(id);
    if (subscription.sid === null) return; // its answer has not come yet; then it is ended
    this.#bySid.delete(subscription.sid);
    const { channel, instrument } = subscription.request;
    this.#send({ op: "unsubscribe", channel, instrument, sid: subscription.sid, id });
  }

  #connect() {
    clearTimeout(this.#retry);
    const socket = new WebSocket(
      `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/v1/ws`,
      key() ? ["bookmill", `key.${key()}`] : [],
    );
    this.#socket = socket;
    this.#openedAt = 0;
    this.#set("connecting");
    socket.addEventListener("open", () => socket === this.#socket && this.#opened());
    socket.addEventListener("message", (event) => socket === this.#socket && this.#message(event.data));
    socket.addEventListener("close", (event) => socket === this.#socket && this.#lost(event));
  }

  #opened() {
    this.#openedAt = this.#heardAt = performance.now();
    this.reason = "";
    this.#set("open");
    for (const [id, { request }] of this.#subscriptions) this.#send({ op: "subscribe", ...request, id });
  }

  #lost(event) {
    const stood = this.#openedAt ? performance.now() - this.#openedAt : 0;
    this.#ended(event);
    if (this.state === "paused") return;
    const wait = this.#backoff.next(stood);
    this.retryAt = performance.now() + wait;
    this.#retry = setTimeout(() => this.#connect(), wait);
    this.#set("lost");
  }

  #ended(event) {
    this.#socket = null;
    this.#bySid.clear();
    this.slow = null;
    this.#pinged = null;
    if (event?.reason) this.reason = event.reason.replace(/^[a-z_]+: /, "");
    else if (event?.code === REFUSED) this.reason = "The gateway refuses the key.";
    for (const subscription of this.#subscriptions.values()) {
      subscription.sid = null;
      subscription.followers.clear();
    }
  }

  #message(text) {
    this.#heardAt = performance.now();
    this.messages += 1;
    const message = JSON.parse(text);
    switch (message.type) {
      case "snapshot":
      case "update":
        this.#data(message);
        break;
      case "subscribed":
        this.#subscribed(message);
        break;
      case "welcome":
        this.#heartbeatMs = message.heartbeat_s * 1000;
        break;
      case "slow":
        this.slow = message;
        this.#set("open");
        break;
      case "pong":
        if (this.#pinged?.id === message.id) this.roundTripMs = performance.now() - this.#pinged.at;
        break;
      case "error":
        this.#subscriptions.get(message.id)?.take(message);
        break;
    }
  }

  #subscribed({ id, sid, channel, instrument }) {
    const subscription = this.#subscriptions.get(id);
    if (!subscription) {
      // It was given up before this answer came. Only its own number says which one is meant.
      this.#send({ op: "unsubscribe", channel, instrument, sid, id });
      return;
    }
    subscription.sid = sid;
    this.#bySid.set(sid, subscription);
  }

  #data(message) {
    const subscription = this.#bySid.get(message.sid);
    if (!subscription) return;
    let follower = subscription.followers.get(message.instrument);
    if (!follower) {
      follower = new Follower();
      subscription.followers.set(message.instrument, follower);
    }
    if (!follower.take(message)) return;
    if (message.type === "snapshot" && this.slow) {
      this.slow = null;
      this.#set("open");
    }
    subscription.take(message);
  }

  /** A connection that says nothing is none, and a snapshot that never comes is asked for again. */
  #watch() {
    if (this.state !== "open") return;
    if (performance.now() - this.#heardAt > 2.5 * this.#heartbeatMs) {
      this.reason = "The gateway has fallen silent.";
      this.#socket.close();
      this.#lost(null);
      return;
    }
    for (const [id, subscription] of this.#subscriptions) {
      if (subscription.sid === null) continue;
      if (![...subscription.followers.values()].some((each) => each.overdue(OVERDUE_MS))) continue;
      const { channel, instrument } = subscription.request;
      this.#send({ op: "unsubscribe", channel, instrument, sid: subscription.sid });
      this.#bySid.delete(subscription.sid);
      subscription.sid = null;
      subscription.followers.clear();
      this.#send({ op: "subscribe", ...subscription.request, id });
    }
  }

  #look() {
    if (document.hidden) {
      this.#hidden = setTimeout(() => this.#pause(), HIDDEN_MS);
      return;
    }
    clearTimeout(this.#hidden);
    if (this.state === "paused" || this.state === "lost") this.#connect();
  }

  #pause() {
    clearTimeout(this.#retry);
    this.#set("paused");
    this.#socket?.close(1000);
  }

  #send(message) {
    this.#socket.send(JSON.stringify(message));
  }

  #set(state) {
    this.state = state;
    for (const listener of this.#listeners) listener();
  }
}

export const feed = new Feed();
