// The field that an instrument is chosen with: what is typed narrows the list, arrows and Enter choose.

import { el } from "./dom.js";
import { list, matches, wordsOf } from "./instruments.js";
import { failed } from "./notices.js";

const MOST = 60;

export class Chooser {
  #found = [];
  #at = 0;
  #onChoose;
  #narrowing = null;
  #instrument = null;

  constructor(onChoose) {
    this.#onChoose = onChoose;
    this.options = el("ul", { id: "instruments", role: "listbox", "aria-label": "Instruments", hidden: true });
    this.input = el("input", {
      type: "text",
      role: "combobox",
      "aria-label": "Instrument",
      "aria-controls": "instruments",
      "aria-expanded": "false",
      "aria-autocomplete": "list",
      autocomplete: "off",
      spellcheck: "false",
      placeholder: "Instrument (/)",
      onfocus: () => this.#begin({ all: true }),
      oninput: () => this.#begin({ all: false }),
      onkeydown: (event) => this.#key(event),
      onblur: () => this.#close(),
    });
    this.node = el("div", { class: "chooser" }, this.input, this.options);
    // A press on an option must not take the focus away before it is a choice.
    this.options.addEventListener("pointerdown", (event) => event.preventDefault());
    this.options.addEventListener("click", (event) => {
      const option = event.target.closest("li[data-at]");
      if (option) this.#choose(Number(option.dataset.at));
    });
  }

  /** Show which one is chosen. */
  set(instrument) {
    this.#instrument = instrument;
    if (document.activeElement !== this.input) this.input.value = instrument ?? "";
  }

  focus() {
    this.input.focus();
  }

  #begin({ all }) {
    if (all) this.input.select();
    this.#narrowing = this.#narrow(all);
  }

  async #narrow(all) {
    let known;
    try {
      known = await list();
    } catch (error) {
      if (!error.code) throw error;
      failed(error);
      return;
    }
    if (document.activeElement !== this.input) return;
    const words = all ? [] : wordsOf(this.input.value);
    this.#found = known.filter((each) => matches(each.instrument, words)).slice(0, MOST);
    this.#at = Math.max(0, all ? this.#found.findIndex((each) => each.instrument === this.#instrument) : 0);
    this.#show();
  }

  #show() {
    this.options.replaceChildren(
      ...this.#found.map((each, at) =>
        el(
          "li",
          { role: "option", id: `instrument-${at}`, "data-at": at, "aria-selected": String(at === this.#at) },
          each.symbol,
          el("small", {}, `${each.exchange} ${each.market}`),
        ),
      ),
    );
    if (!this.#found.length) this.options.append(el("li", { class: "none" }, "No live instrument of that name"));
    this.options.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
    this.#mark();
  }

  #mark() {
    [...this.options.children].forEach((option, at) => option.setAttribute("aria-selected", String(at === this.#at)));
    this.input.setAttribute("aria-activedescendant", this.#found.length ? `instrument-${this.#at}` : "");
    this.options.children[this.#at]?.scrollIntoView({ block: "nearest" });
  }

  #key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && this.#found.length) {
      this.#at = (this.#at + step + this.#found.length) % this.#found.length;
      this.#mark();
    } else if (event.key === "Enter") this.#enter();
    else return;
    event.preventDefault();
  }

  /** Whoever types fast does not wait for the list; the choice does. */
  async #enter() {
    await this.#narrowing;
    if (this.#found.length && document.activeElement === this.input) this.#choose(this.#at);
  }

  #choose(at) {
    const { instrument } = this.#found[at];
    this.#instrument = instrument;
    this.input.blur();
    this.#onChoose(instrument);
  }

  #close() {
    this.options.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.input.value = this.#instrument ?? "";
  }
}
