// Candles with volume of one instrument: the past from the API, the newest candle live.

import { CandlestickSeries, HistogramSeries } from "../../vendor/lightweight-charts/lightweight-charts.js";
import { ask } from "../api.js";
import { Bars, candle, volume } from "../bars.js";
import { choices } from "../choices.js";
import { padded, shortened } from "../decimals.js";
import { el, figures, setText } from "../dom.js";
import { dateAndTime } from "../forms.js";
import { headline } from "../headline.js";
import { plot, priceFormat } from "../plot.js";
import { choose } from "../router.js";
import { colour } from "../theme.js";

const INTERVALS = ["1s", "5s", "15s", "1m", "5m", "15m", "1h", "4h", "1d"];
const BARS = 500;
const AGAIN = 3;
const AGAIN_MS = 5_000;
const RATE = 2;
const SEEN = 120;
const ROOM = 4;

export function open(view) {
  const { scope, root, instrument, query } = view;
  const { exchange, market, symbol } = instrument;
  let interval = INTERVALS.includes(query.interval) ? query.interval : "1m";
  let bars = new Bars(interval);
  let whole = true;
  let begun = false;
  let pointed = null;

  const legend = figures([["time", "Begins (UTC)"], ["open", "Open"], ["high", "High"], ["low", "Low"], ["close", "Close"], ["volume", "Volume"], ["trades", "Trades"]]);
  const source = el("span", { class: "muted push" });
  const none = el("p", { class: "empty", hidden: true }, "No candles of this interval yet.");
  const { chart, node } = plot(scope, `Candles of ${symbol}`, (made) => made.timeScale().applyOptions({}));
  const candles = chart.addSeries(CandlestickSeries, { borderVisible: false });
  const volumes = chart.addSeries(HistogramSeries, { priceFormat: { type: "volume" }, priceScaleId: "volume", lastValueVisible: false, priceLineVisible: false });
  chart.priceScale("volume").applyOptions({ scaleMargins: { top: 0.82, bottom: 0 } });
  candles.priceScale().applyOptions({ scaleMargins: { top: 0.06, bottom: 0.22 } });

  const volumeOf = (bar) => volume(bar, colour("up-bar"), colour("down-bar"));
  const paint = () => {
    const [up, down] = [colour("up"), colour("down")];
    candles.applyOptions({ upColor: up, downColor: down, wickUpColor: up, wickDownColor: down });
    volumes.setData(bars.all().map(volumeOf));
  };
  const render = () => {
    if (whole) {
      whole = false;
      const all = bars.all();
      candles.applyOptions({ priceFormat: priceFormat(bars.places) });
      candles.setData(all.map(candle));
      volumes.setData(all.map(volumeOf));
      none.hidden = all.length > 0;
      if (!begun && all.length) {
        begun = true;
        chart.timeScale().setVisibleLogicalRange({ from: all.length - SEEN, to: all.length + ROOM });
      }
    } else if (bars.last) {
      candles.update(candle(bars.last));
      volumes.update(volumeOf(bars.last));
    }
    showLegend(legend, (pointed !== null && bars.at(pointed)) || bars.last, bars.places);
  };
  const load = (limit) =>
    scope.ask(
      (signal) => ask(`klines/${encodeURIComponent(symbol)}`, { query: { exchange, market, interval, limit }, signal }),
      ({ data }) => {
        bars.take(data);
        whole = true;
        setText(source, data.length ? `from ${data.at(-1).source === "venue" ? "the exchange's candles" : "trades"}` : "");
        scope.draw(render);
      },
      { quiet: true },
    );
  const begin = (chosen) => {
    interval = chosen;
    bars = new Bars(interval);
    pointed = null;
    begun = false;
    choose({ interval });
    chart.timeScale().applyOptions({ secondsVisible: interval.endsWith("s") });
    return load(BARS);
  };

  chart.subscribeCrosshairMove(({ time }) => {
    pointed = time ?? null;
    scope.draw(render);
  });
  scope.onTheme(paint);
  paint();
  root.append(
    headline(view),
    el(
      "section",
      { class: "panel grow", "aria-label": "Candles" },
      el("header", {}, choices("Interval", INTERVALS.map((each) => [each]), interval, begin), source),
      legend.node,
      none,
      node,
    ),
  );
  scope.subscribe({ channel: "trades", instrument: instrument.instrument, rate: RATE }, ({ type, data }) => {
    if (type === "snapshot") return;
    let changed = false;
    for (const trade of data) changed = bars.trade(trade) || changed;
    if (changed) scope.draw(render);
  });
  scope.every(AGAIN_MS, () => load(AGAIN));
  begin(interval);
}

function showLegend(legend, bar, places) {
  if (!bar) return;
  legend.set("time", dateAndTime(new Date(bar.time * 1000).toISOString()));
  for (const name of ["open", "high", "low", "close"]) legend.set(name, padded(bar[name], places));
  legend.set("volume", bar.volume === null ? "…" : shortened(bar.volume, 4));
  legend.set("trades", bar.trades === null || bar.trades === undefined ? "…" : String(bar.trades));
}
