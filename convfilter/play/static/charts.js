// Drawings of numbers: bars of probabilities, curves over epochs, small pictures of weights.

import { element, fill, svg } from "./dom.js";
import { short } from "./numbers.js";

/** "97.3 %" of 0.9731. */
export function percent(part, digits = 1) {
  return `${(part * 100).toFixed(digits)} %`;
}

/** Bars of [{class, probability}], the most probable one marked; null empties them. */
export function bars(list, predictions, classes) {
  const rows = predictions ?? classes.map((name) => ({ class: name, probability: null }));
  const most = Math.max(...rows.map(({ probability }) => probability ?? -1));
  fill(list, rows.map(({ class: name, probability }) => {
    const bar = element("span", { class: "bar-part" });
    bar.style.width = `${(probability ?? 0) * 100}%`;
    const first = probability !== null && probability === most;
    return element("li", { class: first ? "first" : null },
      element("span", { class: "bar-name" }, name), element("span", { class: "bar-way" }, bar),
      element("span", { class: "number" }, probability === null ? "" : percent(probability)));
  }));
}

const WIDTH = 420;
const HEIGHT = 220;
const EDGE = { left: 46, right: 16, top: 12, bottom: 30 };

/** Lines over epochs: series = [{name, values, dashed}]; a figure with its numbers in a table below. */
export function curves(title, epochs, series) {
  const all = series.flatMap(({ values }) => values).filter(Number.isFinite);
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const x = scale(epochs[0], epochs.at(-1), EDGE.left, WIDTH - EDGE.right);
  const y = scale(low, high, HEIGHT - EDGE.bottom, EDGE.top);
  const ends = series.map(({ name, values }) => `${name} ends at ${short(values.at(-1))}`);
  const picture = svg("svg", {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "curves", role: "img",
    "aria-label": `${title}: ${ends.join("; ")}`,
  }, ticks(low, high, y), epochTicks(epochs, x), series.map(({ values, dashed }) => svg("polyline", {
    class: dashed ? "dashed" : null,
    points: values.map((value, at) => `${x(epochs[at])},${y(value)}`).join(" "),
  })));
  const key = series.map(({ name, dashed }) => element("span", { class: "key" }, svg("svg", {
    viewBox: "0 0 28 8", width: 28, height: 8, class: "curves", "aria-hidden": "true",
  }, svg("polyline", { class: dashed ? "dashed" : null, points: "0,4 28,4" })), name));
  return element("figure", { class: "stack" }, element("figcaption", { class: "row" },
    element("h3", {}, title), key), picture, numbersOf(title, epochs, series));
}

function scale(low, high, from, to) {
  return (value) => Math.round((from + (to - from) * (value - low) / (high - low || 1)) * 10) / 10;
}

function ticks(low, high, y) {
  return [0, 1, 2, 3, 4].map((part) => low + (high - low) * part / 4).map((value) => svg("g", {},
    svg("line", { x1: EDGE.left, x2: WIDTH - EDGE.right, y1: y(value), y2: y(value) }),
    svg("text", { x: EDGE.left - 6, y: y(value) + 4, "text-anchor": "end" }, short(value, 2))));
}

function epochTicks(epochs, x) {
  const shown = [epochs[0], epochs[Math.floor(epochs.length / 2)], epochs.at(-1)];
  return [...new Set(shown)].map((epoch, at, all) => svg("text", {
    x: x(epoch), y: HEIGHT - 8, "text-anchor": at === 0 ? "start" : at === all.length - 1 ? "end" : "middle",
  }, `epoch ${epoch}`));
}

function numbersOf(title, epochs, series) {
  const head = element("tr", {}, element("th", { scope: "col" }, "epoch"),
    series.map(({ name }) => element("th", { scope: "col" }, name)));
  const rows = epochs.map((epoch, at) => element("tr", {}, element("th", { scope: "row" }, epoch),
    series.map(({ values }) => element("td", {}, short(values[at])))));
  const table = element("table", { class: "grid" }, element("thead", {}, head), element("tbody", {}, rows));
  const place = { class: "wide", tabindex: 0, role: "region", "aria-label": `${title}, the numbers` };
  return element("details", {}, element("summary", { class: "soft" }, "The numbers"),
    element("div", place, table));
}

/** A canvas with a pixel for every number of some rows, drawn by `colour(value)` → [red, green, blue]. */
export function pixels(rows, colour, attributes = {}) {
  const canvas = element("canvas", { width: rows[0].length, height: rows.length, ...attributes });
  const context = canvas.getContext("2d");
  const image = context.createImageData(rows[0].length, rows.length);
  rows.flat().forEach((value, at) => image.data.set([...colour(value), 255], 4 * at));
  context.putImageData(image, 0, 0);
  return canvas;
}

/** White at 0, blue below, red above, full at `largest`. */
export function signedColour(largest) {
  return (value) => {
    const part = Math.min(1, Math.abs(value) / (largest || 1));
    const full = value < 0 ? [5, 75, 160] : [180, 20, 35];
    return full.map((end) => Math.round(255 + (end - 255) * part));
  };
}

export function gray(value) {
  return [value, value, value];
}
