// A grid of numbers on the page, perhaps to be edited, with the window's frame over it.

import { element, fill } from "./dom.js";
import { short, typed } from "./numbers.js";

const NONE = { top: 0, bottom: 0, left: 0, right: 0 };

/** A table of numbers: show(rows) fills it in, frame(rows, columns) lays the window over some cells. */
export class Cells {
  /** name: said of the whole; edited(y, x, value): called for a number typed in, if it may be edited. */
  constructor(name, edited = null) {
    this.edited = edited;
    this.table = element("table", { "aria-label": name });
    this.mark = element("div", { class: "marker", hidden: true });
    const inner = element("div", { class: "inner" }, this.table, this.mark);
    this.element = element("div", { class: "cells" }, inner);
    if (edited) this.table.addEventListener("keydown", (event) => this.move(event));
  }

  /**
   * rows: numbers, null for those that are not known yet. pad: how many of them on each side are padding.
   * editable: whether those inside the padding may be typed over. tinted: blue below 0 and red above.
   */
  show(rows, { pad = NONE, editable = false, tinted = false, largest = null } = {}) {
    const kind = JSON.stringify([rows.length, rows[0].length, pad, editable]);
    if (kind !== this.kind) this.build(rows, pad, editable);
    this.kind = kind;
    const texts = rows.map((row) => row.map((value) => (value === null ? "" : short(value, 3))));
    const chars = Math.max(2, ...texts.flat().map((text) => text.length));
    this.table.style.setProperty("--columns", rows[0].length);
    this.table.style.setProperty("--chars", chars);
    const top = largest ?? Math.max(1e-9, ...rows.flat().map(Math.abs));
    rows.forEach((row, y) => row.forEach((value, x) => this.write(y, x, value, texts[y][x], top, tinted)));
    const cut = this.element.scrollWidth > this.element.clientWidth && !editable;
    if (cut) this.element.tabIndex = 0; // to be scrolled by keys
    else this.element.removeAttribute("tabindex");
  }

  build(rows, pad, editable) {
    const inside = (y, x) => y >= pad.top && y < rows.length - pad.bottom
      && x >= pad.left && x < rows[0].length - pad.right;
    this.cells = rows.map((row, y) => row.map((_, x) => {
      const own = inside(y, x);
      const input = own && editable ? this.input(y - pad.top, x - pad.left) : null;
      return element("td", { class: own ? null : "outside" }, input);
    }));
    fill(this.table, element("tbody", {}, this.cells.map((row) => element("tr", {}, row))));
    const first = this.table.querySelector("input");
    if (first) first.tabIndex = 0;
  }

  /** One number's field. Only one of a table is reached by the tab key; arrow keys go on from there. */
  input(y, x) {
    const change = ({ target }) => {
      const value = typed(target.value);
      target.setAttribute("aria-invalid", value === null);
      if (value !== null) this.edited(y, x, value);
    };
    const name = `Row ${y + 1}, column ${x + 1}`;
    return element("input", {
      "aria-label": name, inputmode: "decimal", autocomplete: "off", tabindex: -1, oninput: change,
      onfocus: ({ target }) => this.enter(target),
    });
  }

  enter(input) {
    for (const other of this.table.querySelectorAll("input")) other.tabIndex = other === input ? 0 : -1;
    input.select();
  }

  /** Arrow keys go from cell to cell. */
  move(event) {
    const by = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    const cell = event.target.closest("td");
    if (!by || !cell) return;
    const y = this.cells.findIndex((row) => row.includes(cell));
    const next = this.cells[y + by[0]]?.[this.cells[y].indexOf(cell) + by[1]]?.firstElementChild;
    event.preventDefault();
    next?.focus();
  }

  write(y, x, value, text, top, tinted) {
    const cell = this.cells[y][x];
    const input = cell.firstElementChild;
    if (!input) cell.textContent = text;
    else if (input !== document.activeElement || typed(input.value) !== value) input.value = text;
    cell.classList.toggle("empty", value === null);
    cell.classList.toggle("shade", value !== null && value !== 0);
    cell.style.setProperty("--part", `${Math.round(Math.min(1, Math.abs(value ?? 0) / top) * 30)}%`);
    cell.style.setProperty("--tint", tinted ? `var(--${value < 0 ? "negative" : "positive"})` : "var(--ink)");
  }

  /** Lays the frame over the cells of these rows and columns, and marks those that are looked at. */
  frame(rows, columns) {
    this.cells.forEach((row, y) => row.forEach((cell, x) =>
      cell.classList.toggle("tap", rows.includes(y) && columns.includes(x))));
    const first = this.cells[rows[0]][columns[0]];
    const last = this.cells[rows.at(-1)][columns.at(-1)];
    this.mark.hidden = false;
    Object.assign(this.mark.style, {
      left: `${first.offsetLeft - 2}px`, top: `${first.offsetTop - 2}px`,
      width: `${last.offsetLeft + last.offsetWidth - first.offsetLeft + 4}px`,
      height: `${last.offsetTop + last.offsetHeight - first.offsetTop + 4}px`,
    });
  }

  /** Outlines the cells whose value this is, as the largest of a pool. */
  outline(value) {
    const text = short(value, 3);
    for (const cell of this.cells.flat()) cell.classList.toggle("winner", cell.textContent === text);
  }
}
