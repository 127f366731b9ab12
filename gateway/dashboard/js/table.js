// A table of any length: only the rows that can be seen exist, are written to where their texts change, and move by keyboard.

import { compare } from "./decimals.js";
import { el, setText, show } from "./dom.js";
import { TableSlot } from "./table_slot.js";

const BEYOND = 8;
const SORT_MS = 1_000;
const USEFUL = "first rows";

/**
 * `columns`: `{key, title, text(row)}` and, where wanted, `kind(row)` (classes), `hint(row)` (tooltip), `link(row)` (address), `order(row)` (what
 * is sorted by: numbers, texts, or with `exact` decimal texts), `right`, `wide` (left out on narrow screens), `create(cell, current)` and
 * `update(cell, row)` (own content). Rows have an `id`; `rowKind(row)` are the classes of one, `onOpen(row)` what Enter does.
 */
export class Table {
  #scope;
  #columns;
  #options;
  #rows = [];
  #shown = [];
  #accepts = null;
  #sort;
  #sortDue = true;
  #live = false;
  #sortedAt = 0;
  #slots = [];
  #rowHeight = 26;
  #render = () => this.#draw();

  selected = null;

  constructor(scope, { label, columns, sort = null, empty = "Nothing here.", rowKind = () => "", onOpen = null, onSelect = null }) {
    this.#scope = scope;
    this.#columns = columns;
    this.#options = { rowKind, onOpen, onSelect, empty };
    this.#sort = sort;
    this.body = el("tbody");
    this.above = el("tr", { "aria-hidden": true, class: "space" }, el("td", { colspan: columns.length }));
    this.below = el("tr", { "aria-hidden": true, class: "space" }, el("td", { colspan: columns.length }));
    this.body.append(this.above, this.below);
    this.table = el("table", { role: "grid", "aria-label": label, "aria-readonly": true }, this.#head(), this.body);
    this.none = el("p", { class: "empty", hidden: true }, empty);
    this.node = el("div", { class: "table", tabindex: 0, role: "group", "aria-label": label }, this.table, this.none);
    scope.listen(this.node, "scroll", () => requestAnimationFrame(this.#render), { passive: true });
    scope.listen(this.node, "keydown", (event) => this.#key(event));
    scope.listen(this.body, "click", (event) => this.#click(event));
    scope.listen(this.body, "dblclick", () => this.open());
    const watcher = new ResizeObserver(() => {
      this.#rowHeight = parseFloat(getComputedStyle(this.node).getPropertyValue("--row"));
      scope.draw(this.#render);
    });
    watcher.observe(this.node);
    scope.onEnd(() => watcher.disconnect());
  }

  /** All rows, in the order that counts where nothing is sorted. */
  setRows(rows) {
    this.#rows = rows;
    this.#sortDue = true;
    this.#scope.draw(this.#render);
  }

  /** Values of rows have changed. */
  changed() {
    this.#live = true;
    this.#scope.draw(this.#render);
  }

  /** Show only rows of which `accepts` is true; null: all. */
  filter(accepts) {
    this.#accepts = accepts;
    this.#sortDue = true;
    this.#scope.draw(this.#render);
  }

  /** What stands there when there are no rows. */
  explain(text) {
    setText(this.none, text);
  }

  get length() {
    return this.#shown.length;
  }

  /** The selected row, or null. */
  get row() {
    return this.#shown.find((each) => each.id === this.selected) ?? null;
  }

  /** Select the row so many further on. */
  move(steps) {
    if (!this.#shown.length) return;
    const at = this.#shown.findIndex((each) => each.id === this.selected);
    const to = at < 0 ? (steps > 0 ? 0 : this.#shown.length - 1) : at + steps;
    this.#select(this.#shown[Math.max(0, Math.min(this.#shown.length - 1, to))]);
    this.#reveal();
  }

  /** What Enter does. */
  open() {
    const { row } = this;
    if (row) this.#options.onOpen?.(row);
  }

  #select(row) {
    this.selected = row.id;
    this.#options.onSelect?.(row);
    this.#draw();
  }

  #reveal() {
    const top = this.#shown.findIndex((each) => each.id === this.selected) * this.#rowHeight;
    const room = this.node.clientHeight - this.table.tHead.offsetHeight;
    if (top < this.node.scrollTop) this.node.scrollTop = top;
    else if (top + this.#rowHeight > this.node.scrollTop + room) this.node.scrollTop = top + this.#rowHeight - room;
  }

  #key(event) {
    if (event.target.closest("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(this.node.clientHeight / this.#rowHeight) - 2);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -this.#shown.length, End: this.#shown.length }[event.key];
    if (steps === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    this.move(steps);
  }

  #click(event) {
    const slot = this.#slots.find((each) => each.node.contains(event.target));
    if (slot?.row) this.#select(slot.row);
  }

  #head() {
    const row = el("tr");
    for (const column of this.#columns) {
      const content = column.order
        ? el("button", { type: "button", title: column.hint_head ?? null, onclick: () => this.#sortBy(column) }, column.title)
        : el("span", {}, column.title);
      column.head = el("th", { scope: "col", class: placeClass(column) || null }, content);
      row.append(column.head);
    }
    this.#showSort();
    return el("thead", {}, row);
  }

  #sortBy(column) {
    const same = this.#sort?.key === column.key;
    this.#sort = { key: column.key, down: same ? !this.#sort.down : Boolean(column.right) };
    this.#sortDue = true;
    this.#showSort();
    this.#scope.draw(this.#render);
  }

  #showSort() {
    for (const column of this.#columns) {
      if (!column.order) continue;
      const down = this.#sort?.key === column.key ? this.#sort.down : null;
      column.head.setAttribute("aria-sort", down === null ? "none" : down ? "descending" : "ascending");
    }
  }

  #arrange() {
    const accepted = this.#accepts ? this.#rows.filter(this.#accepts) : [...this.#rows];
    const column = this.#columns.find((each) => each.key === this.#sort?.key);
    if (column) {
      const sign = this.#sort.down ? -1 : 1;
      const keyed = accepted.map((row) => [column.order(row), row]);
      keyed.sort(([left], [right]) => inOrder(left, right, sign, column.exact));
      this.#shown = keyed.map(([, row]) => row);
    } else {
      this.#shown = accepted;
    }
    this.#sortDue = this.#live = false;
    this.#sortedAt = performance.now();
  }

  #draw() {
    if (this.#sortDue || (this.#live && this.#sort && performance.now() - this.#sortedAt > SORT_MS)) this.#arrange();
    const height = this.node.clientHeight;
    if (!height) return;
    const first = Math.max(0, Math.floor(this.node.scrollTop / this.#rowHeight) - BEYOND);
    const wanted = Math.min(this.#shown.length - first, Math.ceil(height / this.#rowHeight) + 2 * BEYOND);
    while (this.#slots.length < wanted) this.#add();
    this.#slots.forEach((slot, index) => {
      slot.show(index < wanted ? this.#shown[first + index] : null, first + index, this.selected, this.#options.rowKind);
    });
    setHeight(this.above, first * this.#rowHeight);
    setHeight(this.below, Math.max(0, this.#shown.length - first - wanted) * this.#rowHeight);
    this.table.setAttribute("aria-rowcount", this.#shown.length + 1);
    show(this.none, !this.#shown.length);
    if (wanted > 0 && !performance.getEntriesByName(USEFUL).length) performance.mark(USEFUL);
  }

  #add() {
    const slot = new TableSlot(this.#columns.map((column) => [column, placeClass(column)]));
    this.below.before(slot.node);
    this.#slots.push(slot);
  }
}

const placeClass = (column) => [column.right ? "right" : "", column.wide ? "wide" : "", column.narrow ? "narrow" : ""].filter(Boolean).join(" ");

function inOrder(left, right, sign, exact) {
  const leftNone = left === null || left === undefined;
  const rightNone = right === null || right === undefined;
  if (leftNone || rightNone) return leftNone - rightNone;
  if (exact) return sign * compare(left, right);
  return sign * (typeof left === "string" ? left.localeCompare(right) : left - right);
}

function setHeight(row, pixels) {
  show(row, pixels > 0);
  const height = `${pixels}px`;
  if (row.firstChild.style.height !== height) row.firstChild.style.height = height;
}
