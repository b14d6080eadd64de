// The small drawings on the figures' cards.

import { element, svg } from "./dom.js";
import { architecture } from "./architecture.js";
import { EXPERIMENT, EXPERIMENT_POOL } from "./figures.js";
import { GRIDS, moved } from "./grids.js";
import { neuronDrawing, neuronOf } from "./neuron.js";
import { STRUCTURES } from "./structures.js";

/** A grid of cells at (x, y); shade(row, column) gives a class, `side` is a cell's. */
function grid(x, y, rows, columns, side, shade = () => null) {
  const cells = [];
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      cells.push(svg("rect", {
        x: x + column * side, y: y + row * side, width: side - 1.5, height: side - 1.5, rx: 1.5,
        class: `cell ${shade(row, column) ?? ""}`,
      }));
    }
  }
  return cells;
}

function frame(x, y, width, height) {
  return svg("rect", { x: x - 2, y: y - 2, width: width + 2.5, height: height + 2.5, rx: 3, class: "marker" });
}

function word(x, y, text, name = null) {
  return svg("text", { x, y, "text-anchor": "middle", class: name }, text);
}

function drawing(...parts) {
  return svg("svg", { viewBox: "0 0 240 130", class: "drawing", "aria-hidden": "true" }, parts);
}

function convolution() {
  const weights = [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]];
  const numbers = weights.flatMap((row, y) => row.map((value, x) =>
    word(129 + x * 18, 54 + y * 18, String(value).replace("-", "−"), "tiny")));
  return drawing(
    grid(8, 20, 6, 6, 15, (y, x) => (x > 2 ? "dark" : null)), frame(38, 50, 45, 45), word(110, 70, "×"),
    grid(120, 41, 3, 3, 18), numbers, word(186, 70, "="), grid(202, 54, 1, 1, 24, () => "accent"));
}

function pooling() {
  const quarter = (y, x) => ((y < 2) === (x < 2) ? "dark" : null);
  return drawing(grid(20, 21, 4, 4, 22, quarter), frame(20, 21, 44, 44), word(130, 70, "→"),
    grid(156, 43, 2, 2, 22, (y, x) => (y === x ? "dark" : null)));
}

function field() {
  const row = (y, count) => grid(120 - count * 12, y, 1, count, 24, () => (count < 7 ? "accent" : null));
  const cone = (y, above, below) => svg("polygon", { class: "cone", points: [
    [120 - above * 12, y], [120 - below * 12, y + 21], [118 + below * 12, y + 21], [118 + above * 12, y],
  ].join(" ") });
  return drawing(row(6, 1), cone(28, 1, 3), row(50, 3), cone(72, 3, 5), row(94, 7), row(94, 5));
}

function strides() {
  const at = (step) => [12 + (step % 3) * 36, 11 + Math.floor(step / 3) * 36];
  const checker = (y, x) => ((Math.floor(y / 3) + Math.floor(x / 3)) % 2 ? "dark" : null);
  return drawing(grid(12, 11, 9, 9, 12, checker), frame(...at(4), 36, 36), word(146, 70, "→"),
    grid(168, 38, 3, 3, 18, (y, x) => (y === 1 && x === 1 ? "accent" : null)));
}

function shift() {
  const { rows } = GRIDS.digit;
  const shade = (values) => (y, x) => (values[y][x] > 2 ? "ink" : null);
  return drawing(grid(10, 14, 9, 9, 11, shade(rows)), word(120, 70, "→"),
    grid(132, 14, 9, 9, 11, shade(moved(rows, 0, 1))));
}

/** A square of `before` cells, of them `pad` at each side dashed, and what a 3×3 window leaves. */
function sizes(before, pad = 0) {
  const side = 100 / (before + 2);
  const inside = (at) => at >= pad && at < before - pad;
  const top = 66 - before * side / 2;
  const after = before - 2;
  return () => drawing(
    grid(8, top, before, before, side, (y, x) => (inside(y) && inside(x) ? "dark" : "outside")),
    frame(8, top, 3 * side, 3 * side), word(126, 70, "→"),
    grid(142, 66 - after * side / 2, after, after, side, (y, x) => (y === 0 && x === 0 ? "accent" : null)),
    word(8 + before * side / 2, 126, `${before - 2 * pad} × ${before - 2 * pad}`, "tiny"),
    word(142 + after * side / 2, 126, `${after} × ${after}`, "tiny"));
}

/** Planes behind each other, from back to front, with the axes' names. */
function planes(count, rows, columns, words, names) {
  const layer = (at) => grid(58 + at * 20, 34 - at * 10 + 14, rows, columns, 20, () => names?.[at] ?? "dark");
  return () => drawing([...Array(count).keys()].reverse().map(layer), word(120, 124, words, "tiny"));
}

const COLOURS = ["red", "green", "blue"];

export const DRAWINGS = {
  convolution, pooling, field, strides, shift,
  joined: () => neuronDrawing(neuronOf(), false, true),
  apart: () => neuronDrawing(neuronOf(), true, true),
  ...Object.fromEntries(Object.entries(STRUCTURES).map(([name, structure]) =>
    [name, () => architecture(structure, { bare: true })])),
  nine: sizes(9), valid: sizes(8), same: sizes(10, 1),
  last: planes(3, 3, 4, "(row, column, channel)", COLOURS),
  first: planes(3, 3, 4, "(channel, row, column)", COLOURS),
  kernel: planes(3, 3, 3, "(row, column, input, filter)", COLOURS),
  bank: planes(2, 3, 3, "(row, column, input, filter)", ["accent", "dark"]),
};

/** Cards whose picture the engine makes: the filter and range. */
const PICTURES = {
  gray: { filter: ["identity"], color: "gray" },
  sobelx: { filter: ["sobel-x"], range: "signed", color: "gray" },
  sobel: { filter: ["sobel"], color: "gray" },
  experiment: { filter: [EXPERIMENT], color: "gray" },
  experimentPool: { filter: [EXPERIMENT_POOL], color: "gray" },
};

/** A card's drawing, or a canvas that fills once the engine has answered. */
export function drawingOf(name, engine, picture) {
  if (name in DRAWINGS) return DRAWINGS[name]();
  const canvas = element("canvas", { class: "drawing photo", "aria-hidden": "true" });
  engine.apply(PICTURES[name], picture).then(({ bitmap }) => {
    Object.assign(canvas, { width: bitmap.width, height: bitmap.height });
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
  }, () => canvas.replaceWith(DRAWINGS.convolution())); // a shared page's engine lacks some filters
  return canvas;
}
