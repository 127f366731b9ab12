// One row that exists: it shows now this row of the data, now that one, and writes only what is different.

import { el, setClass, setText, setTitle, show } from "./dom.js";

export class TableSlot {
  #cells;
  row = null;

  constructor(columns) {
    this.node = el("tr", { hidden: true });
    this.#cells = columns.map(([column, place], index) => {
      const cell = el(index === 0 ? "th" : "td", index === 0 ? { scope: "row" } : {});
      const link = column.link ? el("a") : null;
      if (link) cell.append(link);
      column.create?.(cell, () => this.row);
      this.node.append(cell);
      return { column, place, cell, link };
    });
  }

  /** Show a row of the data, the so-manieth of all; null: none. */
  show(row, index, selected, rowKind) {
    show(this.node, row !== null);
    if (row === null) {
      this.row = null;
      return;
    }
    if (this.row?.id !== row.id || this.index !== index) {
      this.node.setAttribute("aria-rowindex", index + 2);
      this.node.dataset.id = row.id;
    }
    this.row = row;
    this.index = index;
    const chosen = String(row.id === selected);
    if (this.node.getAttribute("aria-selected") !== chosen) this.node.setAttribute("aria-selected", chosen);
    setClass(this.node, `${rowKind(row)}${index % 2 ? " odd" : ""}`);
    for (const each of this.#cells) showCell(each, row);
  }
}

function showCell({ column, place, cell, link }, row) {
  if (column.update) column.update(cell, row);
  else if (link) {
    const address = column.link(row);
    if (link.getAttribute("href") !== address) link.setAttribute("href", address);
    setText(link, column.text(row));
  } else if (column.text) setText(cell, column.text(row));
  const kind = column.kind ? column.kind(row) : "";
  setClass(cell, kind ? `${place} ${kind}` : place);
  if (column.hint) setTitle(cell, column.hint(row) ?? "");
}
