// Trades: the tape of one instrument, newest first, as they come.

import { clipped, padded, placesOf, product, scaled, shortened, textOf } from "../decimals.js";
import { el, figures, setText } from "../dom.js";
import { count, timeOfDay } from "../forms.js";
import { headline } from "../headline.js";
import { Table } from "../table.js";

const MOST = 500;
const RATE = 2;
const SIZE_PLACES = 8;

export function open(view) {
  const { scope, root, instrument } = view;
  let trades = [];
  let held = null;
  let places = 0;
  let sizePlaces = 0;
  let numbered = 0;

  const table = new Table(scope, {
    label: `Trades of ${instrument.symbol}`,
    empty: "No trade yet.",
    columns: [
      { key: "time", title: "Time (UTC)", kind: () => "time", text: (row) => timeOfDay(row.exchange_time ?? row.receive_time), hint: (row) => `received ${row.receive_time}` },
      { key: "side", title: "Side", text: (row) => row.side, kind: sideClass },
      { key: "price", title: "Price", right: true, text: (row) => padded(row.price, places), kind: sideClass },
      { key: "size", title: "Size", right: true, text: (row) => padded(clipped(row.quantity, SIZE_PLACES), sizePlaces), hint: (row) => row.quantity },
      { key: "value", title: "Value", right: true, wide: true, text: (row) => row.value },
      { key: "number", title: "Trade", right: true, wide: true, text: (row) => row.trade_id ?? "–", kind: () => "muted" },
    ],
  });
  const list = figures([
    ["count", "Trades shown"],
    ["buys", "Bought", "Sum of the trades shown whose taker bought"],
    ["sells", "Sold", "Sum of the trades shown whose taker sold"],
    ["share", "Bought of all"],
  ]);
  const button = el("button", { type: "button", class: "act push", title: "Space", onclick: () => hold() }, "Hold");

  const show = () => {
    const rows = held ?? trades;
    table.setRows(rows);
    const buys = sum(rows, "BUY");
    const sells = sum(rows, "SELL");
    list.set("count", count(rows.length));
    list.set("buys", shortened(textOf(buys), 4), "up");
    list.set("sells", shortened(textOf(sells), 4), "down");
    list.set("share", buys + sells > 0n ? `${Number((1000n * buys) / (buys + sells)) / 10} %` : "–");
  };
  const add = (arrived) => {
    for (const trade of arrived) {
      places = Math.max(places, placesOf(trade.price));
      sizePlaces = Math.min(SIZE_PLACES, Math.max(sizePlaces, placesOf(trade.quantity)));
      trade.id = (numbered += 1);
      trade.value = shortened(product(trade.price, trade.quantity), 2);
      trade.units = scaled(trade.quantity);
    }
    trades = [...arrived.toReversed(), ...trades].slice(0, MOST);
  };
  const hold = () => {
    held = held ? null : trades;
    setText(button, held ? "Go on" : "Hold");
    button.setAttribute("aria-pressed", String(held !== null));
    show();
    return true;
  };

  scope.hold = hold;
  scope.table = table;
  root.append(
    headline(view),
    el("section", { class: "panel grow", "aria-label": "Tape" }, el("header", {}, list.node, button), table.node),
  );
  scope.subscribe({ channel: "trades", instrument: instrument.instrument, rate: RATE }, ({ type, data }) => {
    if (type === "snapshot") trades = [];
    add(data);
    if (!held) scope.draw(show);
  });
}

const sideClass = (row) => (row.side === "BUY" ? "up" : "down");

function sum(rows, side) {
  let total = 0n;
  for (const row of rows) if (row.side === side) total += row.units;
  return total;
}
