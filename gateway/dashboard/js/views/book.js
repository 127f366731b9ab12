// Book: the ladder, the depth chart, and the figures of one instrument's order book.

import { ask } from "../api.js";
import { shortened } from "../decimals.js";
import { DepthChart } from "../depth_chart.js";
import { el, figures, setClass, setText } from "../dom.js";
import { cut, measured, stateClass } from "../forms.js";
import { headline } from "../headline.js";
import { Ladder } from "../ladder.js";
import { OrderBook } from "../order_book.js";

const DEPTH = 200;
const RATE = 5;
const FIGURES_MS = 2_000;

const FIGURES = [
  ["levels", "Levels bid / ask"],
  ["imbalance", "Imbalance", "Of the best 20 levels: bid volume against all, −1 to 1"],
  ["volume", "Volume bid / ask", "Of the best 20 levels, in base units"],
  ["depth10", "Within 10 bps bid / ask", "In quote units"],
  ["depth50", "Within 50 bps bid / ask", "In quote units"],
  ["updates", "Updates per second"],
];

export function open(view) {
  const { scope, root, instrument } = view;
  const book = new OrderBook();
  const ladder = new Ladder();
  const badge = el("span", { class: "badge" }, "waiting");
  const place = el("small", { class: "muted" });
  const list = figures(FIGURES);
  const redraw = () => scope.draw(render);
  const chart = new DepthChart(scope, redraw);
  const ladderPanel = el("section", { class: "panel", "aria-label": "Ladder" }, el("header", {}, el("h2", {}, "Ladder"), badge, place), ladder.node);
  const chartPanel = el("section", { class: "panel grow", "aria-label": "Depth" }, el("header", {}, el("h2", {}, "Depth", el("small", {}, `best ${DEPTH} levels`))), chart.node, list.node);

  function render() {
    if (book.seq !== null) {
      const { middle } = book;
      ladder.show(book.bids, book.asks, middle ? `${middle.mid}   spread ${middle.spread} (${middle.bps} bps)` : "");
      chart.set(book.bids, book.asks);
      setText(badge, book.state ?? "empty");
      setClass(badge, stateClass(book.state));
      setText(place, `update ${book.updateId ?? "–"}`);
      setClass(ladder.node, book.state === "live" ? "ladder" : "ladder stale");
    }
    chart.draw();
  }

  root.append(
    headline(view),
    el("div", { class: "columns book" }, ladderPanel, chartPanel),
  );
  scope.subscribe({ channel: "book", instrument: instrument.instrument, depth: DEPTH, rate: RATE }, (message) => {
    book.take(message);
    redraw();
  });
  const { exchange, market, symbol } = instrument;
  scope.poll(
    FIGURES_MS,
    (signal) => ask("orderbook/stats", { query: { exchange, market, symbol }, signal }),
    ({ data }) => showFigures(list, data[0]),
  );
}

function showFigures(list, found) {
  if (!found) return;
  const pair = (left, right, places) => (left && right ? `${shortened(left, places)} / ${shortened(right, places)}` : "–");
  list.set("levels", `${found.levels_bid} / ${found.levels_ask}`);
  list.set("imbalance", cut(found.imbalance, 3));
  list.set("volume", pair(found.bid_volume, found.ask_volume, 3));
  list.set("depth10", pair(found.depth_10bps_bid, found.depth_10bps_ask, 0));
  list.set("depth50", pair(found.depth_50bps_bid, found.depth_50bps_ask, 0));
  list.set("updates", measured(found.updates_per_s));
}
