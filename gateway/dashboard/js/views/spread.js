// Spread over time: what is stored of the last minutes, carried on live, with its exact percentiles.

import { LineSeries, LineType } from "../../vendor/lightweight-charts/lightweight-charts.js";
import { ask, pathOf } from "../api.js";
import { choices } from "../choices.js";
import { compare, plotted, shortened } from "../decimals.js";
import { el, figures, setText } from "../dom.js";
import { count, timeOfDay } from "../forms.js";
import { headline } from "../headline.js";
import { plot, priceFormat } from "../plot.js";
import { choose } from "../router.js";
import { colour } from "../theme.js";

const WINDOWS = { "1m": 60, "5m": 300, "15m": 900, "1h": 3600 };
const ROWS = 5_000;

export function open(view) {
  const { scope, root, instrument, query } = view;
  let window = WINDOWS[query.window] ? query.window : "5m";
  let seconds = new Map();
  let whole = true;

  const list = figures([
    ["now", "Now (bps)"],
    ["least", "Least"],
    ["median", "Median"],
    ["p95", "95 %"],
    ["most", "Most"],
    ["seconds", "Seconds shown"],
  ]);
  const covered = el("span", { class: "muted push" });
  const { chart, node } = plot(scope, `Spread of ${instrument.symbol} in basis points`, () => {});
  const line = chart.addSeries(LineSeries, { lineWidth: 2, lineType: LineType.WithSteps, priceFormat: priceFormat(4), priceLineVisible: false });
  const paint = () => line.applyOptions({ color: colour("accent") });

  /** The last spread of each second stands for it. */
  const add = (time_us, bps) => {
    if (bps === null || bps === undefined) return;
    seconds.set(Math.floor(time_us / 1_000_000), bps);
  };
  const render = () => {
    const times = [...seconds.keys()].sort((left, right) => left - right);
    if (!times.length) return;
    for (const time of times) if (time < times.at(-1) - WINDOWS[window]) seconds.delete(time);
    const shown = times.filter((time) => seconds.has(time));
    if (whole) {
      line.setData(shown.map((time) => ({ time, value: plotted(seconds.get(time)) })));
      chart.timeScale().fitContent();
      whole = false;
    } else line.update({ time: shown.at(-1), value: plotted(seconds.get(shown.at(-1))) });
    showFigures(list, shown.map((time) => seconds.get(time)));
  };
  const begin = (chosen) => {
    window = chosen;
    seconds = new Map();
    choose({ window });
    return scope.ask(
      (signal) => ask(`spreads/${pathOf(instrument)}`, { query: { since: window, limit: ROWS }, signal }),
      ({ data, next }) => {
        for (const row of data.toReversed()) add(row.receive_time_us, row.spread_bps);
        whole = true;
        setText(covered, next && data.length ? `the newest ${count(data.length)} events, since ${timeOfDay(data.at(-1).receive_time).slice(0, 8)}` : "");
        scope.draw(render);
      },
      { quiet: true },
    );
  };

  scope.onTheme(paint);
  paint();
  root.append(
    headline(view, (price) => {
      if (price.receive_time_us === undefined || price.stale) return;
      add(price.receive_time_us, price.spread_bps);
      scope.draw(render);
    }),
    el(
      "section",
      { class: "panel grow", "aria-label": "Spread" },
      el("header", {}, choices("Window", Object.keys(WINDOWS).map((each) => [each]), window, begin), covered),
      list.node,
      node,
    ),
  );
  begin(window);
}

function showFigures(list, values) {
  const sorted = values.toSorted(compare);
  const at = (share) => shortened(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))], 4);
  list.set("now", shortened(values.at(-1), 4));
  list.set("least", at(0));
  list.set("median", at(0.5));
  list.set("p95", at(0.95));
  list.set("most", at(1));
  list.set("seconds", count(values.length));
}
