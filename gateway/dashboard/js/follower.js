// The rule of a client of the websocket (docs/gateway.md): a snapshot, then the updates that follow one upon the other.

/** One subscription's place in what the gateway sends of one instrument. */
export class Follower {
  constructor() {
    this.epoch = null;
    this.seq = null;
    this.waitingSince = null;
    this.gaps = 0;
  }

  /** Whether the message is to be applied: a snapshot always, an update that follows on what was applied last. */
  take(message) {
    if (message.type === "snapshot") {
      this.epoch = message.epoch;
      this.seq = message.seq;
      this.waitingSince = null;
      return true;
    }
    if (this.waitingSince === null && message.epoch === this.epoch && message.prev_seq === this.seq) {
      this.seq = message.seq;
      return true;
    }
    if (this.waitingSince === null) {
      this.waitingSince = performance.now();
      this.gaps += 1;
    }
    return false;
  }

  /** Whether the snapshot that should follow a gap has not come for so long. */
  overdue(milliseconds) {
    return this.waitingSince !== null && performance.now() - this.waitingSince > milliseconds;
  }
}
