// Figures 19 to 22: where a number of a picture or of a kernel stands in Keras' arrays, in both data formats.

import { element, fill } from "./dom.js";

const PICTURE = [ // (rows, columns, channels): 2 × 3 pixels of red, green and blue
  [[255, 0, 0], [250, 200, 0], [0, 160, 60]],
  [[0, 90, 200], [120, 60, 160], [240, 240, 240]],
];
const ONE = [[[[1], [0], [-1]], [[2], [0], [-2]]], [[[0], [1], [0]], [[0], [-1], [0]]]]; // (2, 2, 3, 1)
const TWO = [ // (3, 3, 1, 2): sobel-x and sobel-y
  [[[-1, -1]], [[0, -2]], [[1, -1]]],
  [[[-2, 0]], [[0, 0]], [[2, 0]]],
  [[[-1, 1]], [[0, 2]], [[1, 1]]],
];
const KERNEL = ["kernel row", "kernel column", "input channel", "filter"];

/** What each figure shows: an array, the names of its axes, and how the plane beside it is cut. */
export const ARRAYS = {
  19: { name: "picture", array: PICTURE, axes: ["row", "column", "channel"], rows: 0, columns: 1 },
  20: {
    name: "picture", array: channelsFirst(PICTURE), axes: ["channel", "row", "column"], rows: 1, columns: 2,
  },
  21: { name: "weights", array: ONE, axes: KERNEL, rows: 0, columns: 1 },
  22: { name: "weights", array: TWO, axes: KERNEL, rows: 0, columns: 1 },
};

function channelsFirst(rows) {
  return [0, 1, 2].map((channel) => rows.map((row) => row.map((pixel) => pixel[channel])));
}

/** The shape of nested lists. */
export function shapeOf(array) {
  return Array.isArray(array) ? [array.length, ...shapeOf(array[0])] : [];
}

function valueAt(array, index) {
  return index.reduce((part, at) => part[at], array);
}

/** Every index of an array of this shape, in order. */
function indices([first, ...rest]) {
  if (first === undefined) return [[]];
  return [...Array(first).keys()].flatMap((at) => indices(rest).map((index) => [at, ...index]));
}

/** Planes on the left, the nested array on the right; a number chosen on one side is marked on the other. */
export class TensorPanel {
  constructor(app, number) {
    Object.assign(this, { app, ...ARRAYS[number] });
    this.shape = shapeOf(this.array);
    this.line = element("p", { class: "said number", "aria-live": "polite" });
    this.places = new Map();
    const facts = element("p", {}, `Shape ${this.tuple(this.shape)}: ${this.axes.join(", ")}.`);
    const nested = element("pre", { class: "card nested" }, this.nested([]));
    this.element = element("div", { class: "stack" }, facts, this.line,
      element("div", { class: "tensor" }, this.planes(), nested));
  }

  tuple(numbers) {
    return `(${numbers.join(", ")})`;
  }

  /** The address: index, that of the number that is marked, "1,0,2". */
  show({ index: said }) {
    const wanted = (said ?? "").split(",").map(Number);
    const known = wanted.length === this.shape.length && safe(this.array, wanted) !== undefined;
    const index = known ? wanted : this.shape.map(() => 0);
    for (const [key, nodes] of this.places) {
      const marked = key === String(index);
      nodes.forEach((node) => node.classList.toggle("marked", marked));
      nodes.forEach((node) => node.matches("button") && node.setAttribute("aria-pressed", marked));
    }
    const place = index.map((part) => `[${part}]`).join("");
    this.line.textContent = `${this.name}${place} = ${valueAt(this.array, index)}: `
      + index.map((part, axis) => `${this.axes[axis]} ${part}`).join(", ");
  }

  /** The planes that the two axes of rows and columns span, a table for each of the other indices. */
  planes() {
    const others = [...this.shape.keys()].filter((axis) => axis !== this.rows && axis !== this.columns);
    const figures = indices(others.map((axis) => this.shape[axis])).map((outer) => {
      const words = others.map((axis, at) => `${this.axes[axis]} ${outer[at]}`).join(", ");
      const caption = element("figcaption", { class: "soft" }, words);
      return element("figure", {}, caption, this.plane(others, outer));
    });
    return element("div", { class: "planes" }, figures);
  }

  plane(others, outer) {
    const index = (y, x) => this.shape.map((_, axis) =>
      (axis === this.rows ? y : axis === this.columns ? x : outer[others.indexOf(axis)]));
    const range = (count) => [...Array(count).keys()];
    const cell = (y, x) => element("td", {}, this.button(index(y, x)));
    const row = (y) => element("tr", {}, range(this.shape[this.columns]).map((x) => cell(y, x)));
    return element("table", { class: "grid" }, element("tbody", {}, range(this.shape[this.rows]).map(row)));
  }

  button(index) {
    const value = valueAt(this.array, index);
    const name = `${value}, ${index.map((part, axis) => `${this.axes[axis]} ${part}`).join(", ")}`;
    const choose = () => this.app.go({ index: index.join(",") }, { replace: true });
    const node = element("button", { "aria-label": name, onclick: choose }, String(value).replace("-", "−"));
    return this.remember(index, node);
  }

  remember(index, node) {
    const key = String(index);
    this.places.set(key, [...this.places.get(key) ?? [], node]);
    return node;
  }

  /** The array as Python writes it, a line for each list of lists. */
  nested(index) {
    const part = valueAt(this.array, index);
    if (!Array.isArray(part)) return this.remember(index, element("span", {}, String(part)));
    const deep = shapeOf(part).length > 1;
    const between = deep ? `,\n${" ".repeat(index.length + 1)}` : ", ";
    return ["[", part.map((_, at) => [at ? between : "", this.nested([...index, at])]), "]"];
  }
}

/** A value, undefined where there is no such place. */
function safe(array, index) {
  return index.reduce((part, at) => part?.[at], array);
}
