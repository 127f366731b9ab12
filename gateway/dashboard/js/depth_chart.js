// The depth chart: how much is bid and asked from the middle out to a price. Drawn, so floats are good enough here.

import { plotted, shortened } from "./decimals.js";
import { el } from "./dom.js";
import { colour } from "./theme.js";

const BOTTOM = 18;
const TOP = 8;
const LABELS = 5;

export class DepthChart {
  #sides = { bids: [], asks: [] };
  #pointer = null;

  /** `onPointer` is called when the chart has to be drawn for the pointer. */
  constructor(scope, onPointer) {
    this.canvas = el("canvas", { role: "img", "aria-label": "Depth: quantity bid and asked up to each price" });
    this.node = el("div", { class: "depth" }, this.canvas);
    const watcher = new ResizeObserver(onPointer);
    watcher.observe(this.node);
    scope.onEnd(() => watcher.disconnect());
    scope.onTheme(onPointer);
    scope.listen(this.canvas, "pointermove", (event) => {
      this.#pointer = event.offsetX;
      onPointer();
    });
    scope.listen(this.canvas, "pointerleave", () => {
      this.#pointer = null;
      onPointer();
    });
  }

  /** New levels, best first. */
  set(bids, asks) {
    this.#sides = { bids: cumulated(bids), asks: cumulated(asks) };
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.node;
    const { bids, asks } = this.#sides;
    const pen = sized(this.canvas, width, height);
    if (!bids.length || !asks.length || !width) return;
    const middle = (bids[0].price + asks[0].price) / 2;
    const reach = Math.min(middle - bids.at(-1).price, asks.at(-1).price - middle);
    const most = Math.max(totalWithin(bids, reach, middle), totalWithin(asks, reach, middle));
    if (!(reach > 0) || !(most > 0)) return;
    const x = (price) => width / 2 + ((price - middle) / reach) * (width / 2);
    const y = (total) => height - BOTTOM - (total / most) * (height - BOTTOM - TOP);
    pen.font = "11px system-ui, sans-serif";
    drawSide(pen, bids, x, y, width, height, "up");
    drawSide(pen, asks, x, y, width, height, "down");
    drawScale(pen, { width, height, middle, reach, most, y });
    if (this.#pointer !== null) this.#drawPointer(pen, { width, height, middle, reach, x, y });
  }

  #drawPointer(pen, { width, height, middle, reach, x, y }) {
    const price = middle + ((this.#pointer - width / 2) / (width / 2)) * reach;
    const side = price < middle ? this.#sides.bids : this.#sides.asks;
    const level = side.findLast((each) => Math.abs(each.price - middle) <= Math.abs(price - middle)) ?? side[0];
    pen.strokeStyle = colour("muted");
    pen.setLineDash([3, 3]);
    pen.beginPath();
    pen.moveTo(this.#pointer, 0);
    pen.lineTo(this.#pointer, height - BOTTOM);
    pen.stroke();
    pen.setLineDash([]);
    pen.fillStyle = colour("text");
    pen.beginPath();
    pen.arc(x(level.price), y(level.total), 3, 0, 2 * Math.PI);
    pen.fill();
    const left = this.#pointer < width / 2;
    pen.textAlign = left ? "left" : "right";
    pen.fillText(`${level.text}   Σ ${short(level.total)}`, this.#pointer + (left ? 8 : -8), TOP + 12);
  }
}

function cumulated(levels) {
  let total = 0;
  return levels.map(([price, quantity]) => {
    total += plotted(quantity);
    return { price: plotted(price), text: price, total };
  });
}

function totalWithin(side, reach, middle) {
  return side.findLast((each) => Math.abs(each.price - middle) <= reach)?.total ?? side[0].total;
}

function drawScale(pen, { width, height, middle, reach, most, y }) {
  pen.strokeStyle = colour("line");
  pen.fillStyle = colour("muted");
  pen.lineWidth = 1;
  for (const share of [0.5, 1]) {
    const at = Math.round(y(most * share)) + 0.5;
    pen.beginPath();
    pen.moveTo(0, at);
    pen.lineTo(width, at);
    pen.stroke();
    pen.textAlign = "center";
    pen.fillText(short(most * share), width / 2, at + 13);
  }
  const places = Math.max(0, Math.min(10, 1 - Math.floor(Math.log10((2 * reach) / LABELS))));
  for (let label = 0; label < LABELS; label += 1) {
    const share = (label + 0.5) / LABELS;
    pen.textAlign = "center";
    pen.fillText((middle + (2 * share - 1) * reach).toFixed(places), share * width, height - 5);
  }
}

function drawSide(pen, side, x, y, width, height, name) {
  const base = height - BOTTOM;
  pen.beginPath();
  pen.moveTo(x(side[0].price), base);
  let last = base;
  for (const { price, total } of side) {
    pen.lineTo(x(price), last);
    last = y(total);
    pen.lineTo(x(price), last);
  }
  const edge = name === "up" ? 0 : width;
  pen.lineTo(edge, last);
  pen.lineTo(edge, base);
  pen.closePath();
  pen.fillStyle = colour(`${name}-bar`);
  pen.fill();
  pen.strokeStyle = colour(name);
  pen.lineWidth = 1.5;
  pen.stroke();
}

const short = (number) => shortened(number.toFixed(4), number >= 100 ? 0 : 2);

/** The canvas in the pixels of the screen, empty, with a pen that draws in those of the page. */
function sized(canvas, width, height) {
  const ratio = devicePixelRatio || 1;
  const pixels = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== pixels[0] || canvas.height !== pixels[1]) [canvas.width, canvas.height] = pixels;
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  return pen;
}
