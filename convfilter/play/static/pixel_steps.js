// The arithmetic of one pixel as tables and lines: window, weights, products, sum, and what follows.

import { element } from "./dom.js";
import { exact, short } from "./numbers.js";

const MOST = 24; // windows of one step that are written out
const COMBINED = {
  magnitude: "root of the sum of squares", max: "the largest", absmax: "the largest absolute value",
  sum: "their sum", mean: "their mean",
};

/**
 * The parts of an explanation, in the order of computing. back(column, row, channel): the address of a value
 * in the layer below, null where that is the picture. onPicture: whether the window lies on the picture.
 * gray: the number that is white there, null where its colour says nothing.
 */
export function stepsOf(explanation, { back, gray, onPicture }) {
  const layers = byLayer(explanation.steps);
  const cards = layers.map((steps) => element("div", { class: "same-layer" },
    steps.map((step) => card(step, steps.length > 1, { back, gray }))));
  return [onPicture && source(explanation), cards, written(explanation.pixel)];
}

/** The steps of each layer, the first layer first. */
function byLayer(steps) {
  const groups = Map.groupBy([...steps].sort((a, b) => a.layer - b.layer || a.channel - b.channel),
    ({ layer }) => layer);
  return [...groups.values()];
}

function card(step, many, options) {
  const body = { conv: convolution, pool: pooling, combine: combination, activation }[step.kind] ?? other;
  const channel = many || step.channel > 0 ? `filter ${step.channel + 1}` : "";
  return element("section", { class: "card stack step", "aria-label": `${step.label} ${channel}` },
    element("div", { class: "row head" }, element("h3", {}, step.label),
      element("span", { class: "soft" }, channel)),
    body(step, options));
}

function convolution(step, options) {
  const listed = step.windows.slice(0, MOST);
  const rest = step.windows.length - listed.length;
  return [listed.map((window) => products(window, step, options)),
    rest > 0 && element("p", { class: "soft" }, `and ${rest} more channels, which are in the sum`),
      sums(step)];
}

/** One channel's window times its weights. */
function products(window, step, options) {
  const many = step.windows.length > 1 ? `, channel ${window.channel + 1}` : "";
  return element("div", { class: "products" }, valuesTable(window, `Window${many}`, options), sign("×"),
    table("Weights", window.weights, tinted(window.weights)), sign("="),
      table("Products", window.products, tinted(window.products)));
}

function sums({ windows, sum, bias, before, activation: name, value, rounding }) {
  const count = windows.reduce((total, { weights }) => total + weights.length * weights[0].length, 0);
  const line = [entry(`sum of ${count} products`, sum), bias !== 0
    && [sign("+"), entry("bias", bias), sign("="), entry("", before)],
    name && name !== "linear" && [sign("→"), entry(name, value)]];
  const rounded = rounding ? element("p", { class: "soft" },
    `as float32: ${exact(value)}, which differs by ${short(rounding, 3)}`) : null;
  return [element("div", { class: "line" }, line), rounded];
}

function pooling({ windows, mode, value }, options) {
  return [windows.map((window) => element("div", { class: "products" },
    valuesTable(window, "Window", options, mode === "max" ? value : null))),
    element("div", { class: "line" }, entry(mode === "max" ? "the largest" : `the ${mode}`, value))];
}

function combination({ inputs, how, value }) {
  const each = (input, i) => [i > 0 && sign(","), entry(`filter ${i + 1}`, input)];
  return element("div", { class: "line" }, inputs.slice(0, MOST).flatMap(each),
    inputs.length > MOST && sign("…"), sign("→"), entry(COMBINED[how] ?? how, value));
}

function activation({ inputs, activation: name, value }) {
  const taken = inputs.slice(0, MOST).map((input) => entry("", input));
  return element("div", { class: "line" }, taken, sign("→"), entry(name, value));
}

function other({ value }) {
  return element("div", { class: "line" }, entry("value", value));
}

/** How the picture's pixel enters. */
function source({ source: found }) {
  if (!found) return null;
  const names = found.channels.length === 3 ? ["red", "green", "blue"]
    : found.channels.map((_, i) => (i ? `channel ${i + 1}` : "pixel"));
  const each = (value, i) => [i > 0 && sign(","), entry(names[i], value)];
  return element("section", { class: "card stack step", "aria-label": "From the picture" },
    element("h3", {}, "The pixel in the middle of the window"),
    element("div", { class: "line" }, found.channels.flatMap(each),
      sign("→"), entry(found.color === "gray" ? "gray, as it enters" : "as it enters", found.value)));
}

/** From the network's result to the number in the file. */
function written(pixel) {
  if (!pixel) return null;
  const steps = pixel.steps.flatMap(({ what, value }) => [sign("→"), entry(what, value)]).slice(1);
  const rounded = [steps.length > 0 && sign("→"), entry("rounded once", pixel.rounded), sign("→"),
    entry("written", pixel.written, "written")];
  return element("section", { class: "card stack step", "aria-label": "Into the picture" },
    element("h3", {}, `Range ${pixel.range}`), element("div", { class: "line" }, steps, pixel.range === "raw"
      ? entry("written", pixel.written, "written") : rounded));
}

function sign(text) {
  return element("span", { class: "sign" }, text);
}

/** A number under its name. */
function entry(name, value, kind = "") {
  const colour = value < 0 ? "negative" : "";
  return element("span", { class: `entry ${kind}` }, element("span", { class: "soft" }, name || " "),
    element("b", { class: `number ${colour}`, "data-name": name }, exact(value)));
}

/** A table of numbers; `look(row, column)` gives a cell's attributes, `inside` what it holds. */
function table(name, rows, look, inside = (value) => short(value)) {
  const cell = (value, r, c) => element("td", { title: exact(value), ...look(r, c) }, inside(value, r, c));
  return element("figure", {}, element("figcaption", { class: "soft" }, name),
    element("div", { class: "scroll" }, element("table", { class: "grid", "aria-label": name },
      element("tbody", {}, rows.map((row, r) => element("tr", {},
        row.map((value, c) => cell(value, r, c))))))));
}

function tinted(rows) {
  return (r, c) => ({ class: rows[r][c] < 0 ? "negative" : rows[r][c] > 0 ? "positive" : "soft" });
}

/** A window's values: outside the picture dashed, on the picture in its gray, on a layer a way back to it. */
function valuesTable(window, name, { back, gray }, marked = null) {
  const outside = (r, c) => window.rows[r] === null || window.columns[c] === null;
  const look = (r, c) => ({
    class: [outside(r, c) && "outside", marked !== null && window.values[r][c] === marked
      && "marked"].filter(Boolean).join(" "),
    ...gray === null || outside(r, c) ? {} : { "data-gray": shade(window.values[r][c] / gray) },
  });
  const inside = (value, r, c) => {
    const address = outside(r, c) ? null : back(window.columns[c], window.rows[r], window.channel);
    const place = `column ${window.columns[c]}, row ${window.rows[r]}`;
    return address ? element("a", { href: address, title: `${place}: ${exact(value)}`, "data-row": r,
      "data-column": c,
      tabindex: middle(window, r, c) ? 0 : -1 }, short(value)) : short(value);
  };
  return painted(table(name, window.values, look, inside));
}

function middle({ rows, columns }, r, c) {
  return r === Math.floor(rows.length / 2) && c === Math.floor(columns.length / 2);
}

function shade(share) {
  return String(Math.round(255 * Math.min(Math.max(share, 0), 1)));
}

/** Gray backgrounds and arrow keys among the ways back. */
function painted(figure) {
  for (const cell of figure.querySelectorAll("[data-gray]")) {
    const gray = Number(cell.dataset.gray);
    cell.style.background = `rgb(${gray} ${gray} ${gray})`;
    cell.style.color = gray > 117 ? "#000" : "#fff";
  }
  figure.addEventListener("keydown", (event) => {
    const [down, right] = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1],
      ArrowRight: [0, 1] }[event.key] ?? [0, 0];
    const { row, column } = event.target.dataset;
    if (row === undefined || (!down && !right)) return;
    const [r, c] = [Number(row) + down, Number(column) + right];
    figure.querySelector(`a[data-row="${r}"][data-column="${c}"]`)?.focus();
    event.preventDefault();
  });
  return figure;
}

/** The same in one line, for those who hear it. */
export function sentence({ x, y, layer, layers, steps, pixel }) {
  const said = byLayer(steps).flat().map(spoken);
  const end = pixel ? `${pixel.range} and rounding write ${exact(pixel.written)}`
    : `the value is ${exact(steps[0]?.value ?? 0)}`;
  return `Column ${x}, row ${y} of ${layers[layer] ?? "the result"}: ${[...said, end].join("; ")}.`;
}

function spoken(step) {
  const names = {
    conv: () => `${step.label}, sum ${exact(step.sum)}`
      + (step.bias ? `, with the bias ${exact(step.before)}` : "")
      + (step.activation === "linear" ? "" : `, ${step.activation} ${exact(step.value)}`),
    pool: () => `${step.mode} of the window ${exact(step.value)}`,
    combine: () => `${COMBINED[step.how] ?? step.how} ${exact(step.value)}`,
  };
  return names[step.kind]?.() ?? `${step.label} ${exact(step.value)}`;
}
