// The page: which view is shown, the bar above it, and what holds for all of them.

import { listen as listenForAlerts } from "./alarm.js";
import { Chooser } from "./chooser.js";
import { el, setClass, setText, show } from "./dom.js";
import { feed } from "./feed.js";
import { learn } from "./fresh.js";
import { list } from "./instruments.js";
import * as keys from "./keys.js";
import { failed } from "./notices.js";
import * as router from "./router.js";
import { Scope } from "./scope.js";
import * as theme from "./theme.js";
import * as markets from "./views/markets.js";

/** By the number that leads to it. `instrument`: it is of one, which is part of its address. */
const VIEWS = [
  { name: "markets", title: "Markets", load: async () => markets },
  { name: "book", title: "Book", instrument: true, load: () => import("./views/book.js") },
  { name: "candles", title: "Candles", instrument: true, load: () => import("./views/candles.js") },
  { name: "trades", title: "Trades", instrument: true, load: () => import("./views/trades.js") },
  { name: "spread", title: "Spread", instrument: true, load: () => import("./views/spread.js") },
  { name: "quality", title: "Quality", load: () => import("./views/quality.js") },
  { name: "system", title: "System", load: () => import("./views/system.js") },
  { name: "subscriptions", title: "Subscriptions", load: () => import("./views/subscriptions.js") },
  { name: "alerts", title: "Alerts", load: () => import("./views/alerts.js") },
];

const root = document.getElementById("view");
const banner = document.getElementById("banner");
const help = document.getElementById("help");
const themeButton = document.getElementById("theme");
const connection = document.getElementById("connection");
const chooser = new Chooser((instrument) => {
  const { view, query } = router.placeOf(location.hash);
  router.go({ view, instrument, query });
});

const lookAtAlerts = listenForAlerts((count) => {
  const mark = document.getElementById("unseen");
  setText(mark, String(count));
  show(mark, count > 0);
});

let scope = null;
let opening = 0;

async function openPlace() {
  const place = router.placeOf(location.hash);
  const view = VIEWS.find((each) => each.name === place.view);
  if (!view) {
    location.replace("#/markets");
    return;
  }
  const turn = ++opening;
  scope?.end();
  scope = null;
  markNavigation(view);
  lookAtAlerts(view.name === "alerts");
  if (view.instrument && !router.partsOf(place.instrument)) {
    root.replaceChildren(el("p", { class: "muted" }, "Waiting for instruments …"));
    const instrument = await anyInstrument();
    if (turn !== opening) return;
    if (instrument) location.replace(router.hashOf({ ...place, instrument }));
    else root.replaceChildren(chooser.node, el("p", { class: "muted" }, "No instrument has live data yet. Subscribe to one (8), or wait for a producer."));
    return;
  }
  const module = await view.load();
  if (turn !== opening) return;
  scope = new Scope();
  root.replaceChildren();
  root.className = `view-${view.name}`;
  const instrument = view.instrument ? router.partsOf(place.instrument) : null;
  router.rememberInstrument(instrument?.instrument);
  document.title = `${instrument ? `${instrument.symbol} · ` : ""}${view.title} · bookmill`;
  if (instrument) chooser.set(instrument.instrument);
  module.open({ scope, root, instrument, query: place.query, chooser: chooser.node });
}

/** The one looked at last, while it is live; else the first. */
async function anyInstrument() {
  try {
    const known = await list();
    const last = router.lastInstrument();
    return (known.find((each) => each.instrument === last) ?? known[0])?.instrument ?? null;
  } catch (error) {
    if (!error.code) throw error;
    failed(error);
    return router.lastInstrument();
  }
}

function markNavigation(view) {
  for (const link of document.querySelectorAll("#views a")) {
    const current = link.dataset.view === view.name;
    if (current) {
      link.setAttribute("aria-current", "page");
      link.scrollIntoView({ block: "nearest", inline: "nearest" });
    } else link.removeAttribute("aria-current");
  }
}

function showConnection() {
  const { state, slow } = feed;
  const kind = state === "open" ? (slow ? "slow" : "open") : state === "paused" ? "" : state === "lost" ? "lost" : "";
  setClass(connection, `connection ${kind}`);
  setText(connection.querySelector(".said"), state === "open" ? (slow ? "behind" : "live") : state);
  connection.title = slow ? `This page cannot keep up: ${slow.dropped} messages were left out.` : "";
  const lost = state === "lost" || (state === "connecting" && document.body.classList.contains("lost"));
  document.body.classList.toggle("lost", lost);
  show(banner, lost);
  if (lost) tellLoss();
}

function tellLoss() {
  const seconds = Math.max(0, Math.ceil((feed.retryAt - performance.now()) / 1000));
  const trying = feed.state === "connecting" || seconds === 0 ? "Connecting …" : `Next attempt in ${seconds} s.`;
  const reason = feed.reason || "The connection to the gateway is lost.";
  if (!banner.firstChild) {
    banner.append(
      el("strong", {}),
      el("span", { "aria-live": "off" }),
      el("button", { type: "button", class: "act", onclick: () => feed.retryNow() }, "Try now"),
    );
  }
  setText(banner.children[0], `${reason} What is shown is old.`);
  setText(banner.children[1], trying);
}

function openHelp() {
  help.replaceChildren(
    el("h2", { id: "help-title" }, "Keys"),
    el("dl", { class: "keys" }, ...keys.HELP.flatMap(([key, what]) => [el("dt", {}, key), el("dd", {}, what)])),
    el("div", { class: "buttons" }, el("button", { type: "button", class: "act", onclick: () => help.close() }, "Close")),
  );
  help.showModal();
}

function openView(number) {
  const view = VIEWS[number - 1];
  if (view) router.go({ view: view.name, instrument: view.instrument ? chosenInstrument() : null });
}

/** The selected row's, or that of the view shown now, or the last one. */
function chosenInstrument() {
  return scope?.table?.row?.instrument ?? router.placeOf(location.hash).instrument ?? router.lastInstrument();
}

function changeTheme() {
  setText(themeButton, theme.next());
}

keys.start({
  view: openView,
  filter: () => (scope?.filter ?? chooser).focus(),
  table: () => scope?.table ?? null,
  hold: () => scope?.hold?.() ?? false,
  theme: changeTheme,
  help: openHelp,
});
setText(themeButton, theme.chosen());
themeButton.addEventListener("click", changeTheme);
document.getElementById("keys").addEventListener("click", openHelp);
document.getElementById("views").addEventListener("click", (event) => {
  const link = event.target.closest("a");
  const number = VIEWS.findIndex((each) => each.name === link?.dataset.view) + 1;
  if (!number || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  openView(number);
});
addEventListener("hashchange", openPlace);
feed.watch(showConnection);
setInterval(() => document.body.classList.contains("lost") && !document.hidden && tellLoss(), 1000);
feed.start();
learn();
openPlace();
