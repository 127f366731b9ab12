// Alerts wherever one is: the newest shows itself, and the bar counts those that nobody has looked at.

import { feed } from "./feed.js";
import { alarmed } from "./notices.js";

let unseen = 0;
let seen = false;

/** Begin to listen; `onCount(number)` is called with how many are new. */
export function listen(onCount) {
  feed.subscribe({ channel: "alerts" }, ({ type, data }) => {
    if (type !== "update") return;
    for (const alert of data) {
      if (!alert.dashboard || alert.state !== "fired") continue;
      alarmed(alert.message);
      if (seen) continue;
      unseen += 1;
      onCount(unseen);
    }
  });
  return (looking) => {
    seen = looking;
    if (!looking) return;
    unseen = 0;
    onCount(0);
  };
}
