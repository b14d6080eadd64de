// A kernel's numbers as tables to edit, one for each filter and channel. Colour only repeats the sign.

import { element, fill, label } from "./dom.js";
import { exact, short, typed } from "./numbers.js";
import { planesOf, resized, withWeight } from "./kernel_document.js";
import { kernelPicture } from "./kernel_picture.js";

const MOST_CELLS = 600; // of all tables that are shown at once
const LARGE = 9; // rows or columns: a picture stands above the numbers
const MOST_SIDE = 63;
const MOST_FILTERS = 64;

/** `onchange(kernel)` gets the kernel of a document with what was changed. */
export class KernelGrid {
  constructor(onchange) {
    this.onchange = onchange;
    this.first = 0;
    this.shape = "";
    this.tables = element("div", { class: "tables" });
    this.picture = element("div", { class: "kernel-picture" });
    this.pages = element("div", { class: "row", hidden: true });
    this.sides = ["filters", "rows", "columns"].map((name) => this.side(name));
    this.divisor = this.field("divisor", "Each weight is divided by it; “sum” is each filter's own sum.");
    this.bias = this.field("bias", "Added to the result; 1 is white. One number, or one per filter.");
    this.element = element("div", { class: "stack" }, this.pages, this.picture, this.tables,
      element("div", { class: "fields" }, label("Rows", this.sides[1]), label("Columns", this.sides[2]),
        label("Filters", this.sides[0]), label("Divisor", this.divisor), label("Bias", this.bias)));
  }

  side(name) {
    const most = name === "filters" ? MOST_FILTERS : MOST_SIDE;
    const input = element("input", { type: "number", min: 1, max: most, step: 1, name,
      onchange: () => this.resize(input.checkValidity()) });
    return input;
  }

  field(name, title) {
    const change = (event) => this.number(name, event.target);
    return element("input", { type: "text", name, title, autocomplete: "off", spellcheck: "false",
      oninput: change });
  }

  /** Shows a kernel of a document; null leaves what is shown, but out of reach. */
  show(kernel) {
    this.element.inert = !kernel;
    this.element.classList.toggle("idle", !kernel);
    if (!kernel) return;
    this.kernel = kernel;
    const planes = planesOf(kernel);
    const shown = this.shownOf(planes);
    const shape = [shown.first, shown.count, planes.length, planes[0].length, planes[0][0].length,
      planes[0][0][0].length].join();
    if (shape !== this.shape) this.build(planes, shown);
    this.shape = shape;
    this.fillIn(planes);
  }

  /** Which of the filters have room. */
  shownOf(planes) {
    const cells = planes[0].length * planes[0][0].length * planes[0][0][0].length;
    const count = Math.min(Math.max(Math.floor(MOST_CELLS / cells), 1), planes.length);
    this.first = Math.min(this.first, planes.length - count);
    return { first: this.first, count };
  }

  build(planes, { first, count }) {
    this.cells = [];
    const listed = planes.slice(first, first + count).flatMap((filter, i) => filter.map((matrix, channel) => (
      this.table(matrix, first + i, channel, planes))));
    fill(this.tables, listed);
    requestAnimationFrame(() => middle(this.tables));
    this.page(first, count, planes.length);
  }

  page(first, count, all) {
    const turn = (by, text) => element("button", {
      type: "button", disabled: by < 0 ? first === 0 : first + count >= all,
      onclick: () => { this.first = Math.max(first + by * count, 0); this.show(this.kernel); },
    }, text);
    this.pages.hidden = count >= all;
    const these = count > 1 ? `Filters ${first + 1}–${first + count}` : `Filter ${first + 1}`;
    fill(this.pages, turn(-1, "←"), `${these} of ${all}`, turn(1, "→"));
  }

  table(matrix, filter, channel, planes) {
    const parts = [planes.length > 1 && `filter ${filter + 1}`, planes[0].length > 1
      && `channel ${channel + 1}`];
    const name = parts.filter(Boolean).join(", ");
    const rows = matrix.map((row, r) => element("tr", {}, row.map((_, c) => {
      const at = { filter, channel, row: r, column: c };
      return element("td", {}, this.cell(at, [name, `row ${r + 1}`,
        `column ${c + 1}`].filter(Boolean).join(", ")));
    })));
    return element("table", { class: "weights" }, element("caption",
      { class: name ? "soft" : "visually-hidden" }, name || "Weights"),
      element("tbody", {}, rows));
  }

  cell(at, name) {
    const input = element("input", {
      type: "text", inputmode: "text", "aria-label": `Weight, ${name}`, autocomplete: "off",
      oninput: () => this.weigh(input, at), onkeydown: (event) => this.key(event, input, at),
      onfocus: () => this.enter(input, at), onblur: () => this.show(this.kernel),
    });
    this.cells.push({ input, at });
    return input;
  }

  /** A weight that is edited shows all its digits. */
  enter(input, { filter, channel, row, column }) {
    input.value = exact(planesOf(this.kernel)[filter][channel][row][column]);
    input.select();
  }

  fillIn(planes) {
    const largest = Math.max(...planes.flat(3).map(Math.abs)) || 1;
    const digits = planes[0][0][0].length > 9 ? 2 : 4;
    let width = 2;
    for (const { input, at } of this.cells) {
      const value = planes[at.filter][at.channel][at.row][at.column];
      const held = document.activeElement === input;
      if (!held || typed(input.value) !== value) input.value = held ? exact(value) : short(value, digits);
      this.paint(input, value, largest);
      width = Math.max(width, input.value.length);
    }
    const [[shown]] = planes.slice(this.first);
    const large = Math.max(shown.length, shown[0].length) > LARGE;
    fill(this.picture, large && kernelPicture(shown, largest));
    this.tables.style.setProperty("--digits", Math.min(width, 9));
    this.rest(planes);
  }

  paint(input, value, largest) {
    input.removeAttribute("aria-invalid");
    input.title = exact(value);
    input.className = value < 0 ? "negative" : value > 0 ? "positive" : "zero";
    input.style.setProperty("--share", `${Math.round(4 + 26 * Math.abs(value) / largest)}%`);
  }

  /** Sizes, divisor and bias. */
  rest(planes) {
    const sizes = [planes.length, planes[0][0].length, planes[0][0][0].length];
    this.sides.forEach((input, i) => put(input, String(sizes[i])));
    put(this.divisor, text(this.kernel.divisor ?? 1));
    put(this.bias, text(this.kernel.bias ?? 0));
  }

  weigh(input, at) {
    const value = typed(input.value);
    if (value === null) return input.setAttribute("aria-invalid", "true");
    return this.change(withWeight(this.kernel, at, value));
  }

  number(name, input) {
    const value = read(input.value);
    if (value === null) return input.setAttribute("aria-invalid", "true");
    input.removeAttribute("aria-invalid");
    return this.change(Array.isArray(this.kernel) ? { weights: this.kernel, [name]: value }
      : { ...this.kernel, [name]: value });
  }

  resize(allowed) {
    const sizes = this.sides.map((input) => Number(input.value));
    if (allowed && sizes.every(Number.isInteger)) this.change(resized(this.kernel, ...sizes));
    else this.rest(planesOf(this.kernel));
  }

  change(kernel) {
    this.kernel = kernel;
    this.onchange(kernel);
  }

  /** Arrow keys go from weight to weight; with Alt, up and down change it by 1 (with Shift too, by 0.1). */
  key(event, input, { filter, channel, row, column }) {
    const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1],
      Enter: [1, 0] };
    const [down, right] = moves[event.key] ?? [0, 0];
    if (!down && !right) return;
    if (event.altKey && down) {
      const value = (typed(input.value) ?? 0) - down * (event.shiftKey ? 0.1 : 1);
      input.value = exact(Number(value.toPrecision(12)));
      input.dispatchEvent(new Event("input"));
    } else if (right && !this.atEnd(input, right)) {
      return;
    } else {
      this.cells.find(({ at }) => at.filter === filter && at.channel === channel && at.row === row + down
        && at.column === column + right)?.input.focus();
    }
    event.preventDefault();
  }

  atEnd(input, right) {
    if (input.selectionEnd - input.selectionStart === input.value.length) return true;
    return right > 0 ? input.selectionStart === input.value.length : input.selectionEnd === 0;
  }
}

/** Scrolls what is larger than its place to its middle. */
function middle(place) {
  place.scrollTo((place.scrollWidth - place.clientWidth) / 2, (place.scrollHeight - place.clientHeight) / 2);
}

function put(input, value) {
  if (document.activeElement !== input) input.value = value;
}

function text(value) {
  return Array.isArray(value) ? value.map(exact).join(", ") : typeof value === "number" ? exact(value)
    : String(value);
}

/** One number, several with commas between, or the word sum; null for anything else. */
function read(written) {
  if (written.trim() === "sum") return "sum";
  const numbers = written.trim().split(/\s*[,;]\s+|\s+/).map(typed);
  if (numbers.includes(null)) return null;
  return numbers.length === 1 ? numbers[0] : numbers;
}
