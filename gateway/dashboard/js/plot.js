// Plots over time: lightweight-charts in the page's colours. Its notice and link stand below each plot.

import { createChart, ColorType, CrosshairMode } from "../vendor/lightweight-charts/lightweight-charts.js";
import { el } from "./dom.js";
import { colour } from "./theme.js";

/** A chart and the element it is in; `paint(chart)` is called with it at once and whenever the colours change. */
export function plot(scope, label, paint) {
  const box = el("div", { class: "plot", role: "img", "aria-label": label });
  const node = el("div", { class: "plotted" }, box, notice());
  const chart = createChart(box, {
    autoSize: true,
    crosshair: { mode: CrosshairMode.Normal },
    timeScale: { timeVisible: true, secondsVisible: true, rightOffset: 4 },
    rightPriceScale: { minimumWidth: 70 },
    layout: { attributionLogo: false, fontSize: 11 },
  });
  const repaint = () => {
    chart.applyOptions({
      layout: { background: { type: ColorType.Solid, color: colour("panel") }, textColor: colour("muted"), fontFamily: "system-ui, sans-serif" },
      grid: { vertLines: { color: colour("line") }, horzLines: { color: colour("line") } },
      rightPriceScale: { borderColor: colour("line") },
      timeScale: { borderColor: colour("line") },
    });
    paint(chart);
  };
  repaint();
  scope.onTheme(repaint);
  scope.onEnd(() => chart.remove());
  return { chart, node };
}

/** What the library's licence asks for. */
function notice() {
  return el(
    "p",
    { class: "attribution" },
    "Times in UTC. TradingView Lightweight Charts™, Copyright (c) 2026 TradingView, Inc. ",
    el("a", { href: "https://www.tradingview.com/", rel: "noreferrer", target: "_blank" }, "tradingview.com"),
  );
}

/** How a price axis writes its labels, from a text that shows how fine the prices are. */
export function priceFormat(places) {
  return { type: "price", precision: Math.min(places, 12), minMove: 10 ** -Math.min(places, 12) };
}
