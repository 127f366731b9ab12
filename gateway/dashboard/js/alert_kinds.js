// What alert rules can watch for: the fields of each kind, for the form, and a rule in a few words, for the list.

const DIRECTION = { name: "direction", label: "Direction", options: ["both", "up", "down"] };
const PRICE = { name: "price", label: "Price", options: ["trade", "mid"] };
const WINDOW = { name: "window_s", label: "Window (seconds)", whole: true, value: "60" };
const WAYS = { both: "", up: " upwards", down: " downwards" };

/** By kind: its title, its fields, and what a rule of it says. */
export const KINDS = {
  price_crosses: {
    title: "Price crosses a level",
    fields: [{ name: "level", label: "Level" }, DIRECTION, PRICE],
    say: (one) => `${one.price ?? "trade"} price crosses ${one.level}${WAYS[one.direction] ?? ""}`,
  },
  change_percent: {
    title: "Change in a window",
    fields: [WINDOW, { name: "percent", label: "Percent" }, DIRECTION, PRICE],
    say: (one) => `changes ${one.percent} % in ${one.window_s} s${WAYS[one.direction] ?? ""}`,
  },
  spread_bps_over: {
    title: "Spread wider than",
    fields: [{ name: "bps", label: "Basis points" }, { name: "origin", label: "Spread of", options: ["book", "ticker"] }],
    say: (one) => `spread over ${one.bps} bps`,
  },
  volume_spike: {
    title: "Volume spike",
    fields: [
      WINDOW,
      { name: "factor", label: "Times the mean" },
      { name: "minimum", label: "At least (base units)", value: "0" },
      { name: "windows", label: "Windows averaged", whole: true, value: "10" },
    ],
    say: (one) => `volume in ${one.window_s} s over ${one.factor} times the mean`,
  },
  gap_opened: {
    title: "Gap opened",
    fields: [{ name: "stream", label: "Stream (stars allowed)", value: "*" }],
    say: (one) => (one.stream === "*" ? "a gap opens" : `a gap opens in ${one.stream}`),
  },
  feed_stale: {
    title: "Feed stale",
    fields: [{ name: "seconds", label: "Seconds without anything", value: "30" }, { name: "feed", label: "Of", options: ["any", "trades", "prices"] }],
    say: (one) => `nothing${one.feed && one.feed !== "any" ? ` of ${one.feed}` : ""} for ${one.seconds} s`,
  },
  cross_venue: {
    title: "Exchanges cross",
    fields: [{ name: "bps", label: "Basis points over" }],
    say: (one) => `best bid over another's best ask by ${one.bps} bps`,
  },
};

/** A rule's condition in words. */
export function inWords({ condition }) {
  return KINDS[condition.kind]?.say(condition) ?? condition.kind;
}

/** The instruments a rule is about, as one pattern. */
export const patternOf = ({ exchange, market, symbol }) => `${exchange}.${market}.${symbol}`;
