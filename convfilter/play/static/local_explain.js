// The arithmetic behind one number, in a page that stands alone as explain.py
// answers it; sums are those of float64, where explain.py's are exact to its last bit.

import { FUNCTIONS, at, borderIndex, changesOf, rounded } from "./arithmetic.js";
import { extentOf, stridesOf } from "./pipeline.js";
import { rangeMapOf } from "./local_describe.js";
import { run } from "./run.js";

/** planes: a plane set a colour; at: {x, y, layer, channel, plane}, layer null is the last; pixels: RGBA. */
export function explain(pipeline, planes, full, { x, y, layer, channel, plane: colour = 0 }, pixels) {
  const plane = planes[Math.min(colour, planes.length - 1)];
  const place = layer ?? pipeline.layers.length - 1;
  const results = run(pipeline.layers, plane, full);
  const known = { layers: pipeline.layers, results: (n) => (n < 0 ? plane : results[n]), full };
  const field = fieldOf(pipeline.layers.slice(0, place + 1), x, y);
  const [height, width, channels] = pipeline.layers[place].shape;
  return {
    filter: pipeline.name, x, y, layer: place, channel, size: [height, width], channels,
    layers: pipeline.layers.map(({ label }) => label),
    steps: stepsOf(known, place, channel, y, x),
    field,
    source: sourceOf(field, plane, pixels, pipeline.color),
    pixel: layer === null || layer === undefined
      ? pixelOf(at(results.at(-1), channel, y, x), pipeline, mapOf(pipeline, planes, full, channel)) : null,
  };
}

/** The steps back from a number to the first layer that has a window, or to the picture. */
function stepsOf(known, place, channel, y, x) {
  if (place < 0) return [];
  const layer = known.layers[place];
  const start = { layer: place, kind: layer.kind, label: layer.label, channel,
    value: at(known.results(place), channel, y, x) };
  if (layer.kind === "conv") return [convolved(known, layer, start, y, x)];
  if (layer.kind === "pool") return [pooled(known, layer, start, y, x)];
  if (layer.kind === "pad") {
    const { rows, columns } = before(known, place + 1, [y], [x]);
    return [{ ...start, windows: [{ channel, rows, columns, values: [[start.value]] }] }];
  }
  const taken = known.results(place - 1);
  if (layer.kind === "activation") {
    const own = { ...start, inputs: [at(taken, channel, y, x)], activation: layer.activation };
    return [own, ...stepsOf(known, place - 1, channel, y, x)];
  }
  const behind = Array.from({ length: taken.channels }, (_, each) => each);
  const inputs = behind.map((each) => at(taken, each, y, x));
  return [{ ...start, inputs, how: layer.how }, ...behind.flatMap((each) => stepsOf(known, place - 1, each, y, x))];
}

function convolved(known, layer, step, y, x) {
  const [rows, columns] = placesOf([layer.weights.length, layer.weights[0].length], layer.strides, layer.dilation, y, x);
  const from = before(known, step.layer, rows, columns);
  const plane = known.results(from.place);
  const windows = Array.from({ length: plane.channels }, (_, channel) => {
    const values = valuesOf(plane, channel, from);
    const weights = layer.weights.map((row) => row.map((taps) => Math.fround(taps[channel][step.channel])));
    const products = values.map((row, i) => row.map((value, j) => value * weights[i][j]));
    return { channel, rows: from.rows, columns: from.columns, values, weights, products };
  });
  const sum = windows.flatMap(({ products }) => products.flat()).reduce((total, value) => total + value, 0);
  const bias = Math.fround(layer.bias[step.channel] * known.full);
  const exact = FUNCTIONS[layer.activation](sum + bias);
  return { ...step, windows, sum, bias, before: sum + bias, activation: layer.activation,
    rounding: step.value - exact };
}

function pooled(known, layer, step, y, x) {
  const from = before(known, step.layer, ...placesOf(layer.size, layer.size, [1, 1], y, x));
  const values = valuesOf(known.results(from.place), step.channel, from);
  const { rows, columns } = from;
  return { ...step, windows: [{ channel: step.channel, rows, columns, values }], mode: layer.mode };
}

/** Rows and columns of a window, in the plane that it lies on. */
function placesOf(lengths, strides, dilation, y, x) {
  return lengths.map((length, axis) =>
    Array.from({ length }, (_, n) => [y, x][axis] * strides[axis] + n * dilation[axis]));
}

/** The last layer before `place` that is no padding, and where its rows and columns are; null for zeros. */
function before(known, place, rows, columns) {
  place -= 1;
  while (place >= 0 && known.layers[place].kind === "pad") {
    const pad = known.layers[place];
    const { height, width } = known.results(place - 1);
    const back = (added, length) => (each) => {
      const found = each === null ? -1 : borderIndex(each - added, length, pad.border);
      return found < 0 ? null : found;
    };
    rows = rows.map(back(pad.top, height));
    columns = columns.map(back(pad.left, width));
    place -= 1;
  }
  return { place, rows, columns };
}

function valuesOf(plane, channel, { rows, columns }) {
  return rows.map((y) => columns.map((x) => (y === null || x === null ? 0 : at(plane, channel, y, x))));
}

function fieldOf(layers, x, y) {
  let [rows, columns] = [[y, y + 1], [x, x + 1]];
  for (const layer of [...layers].reverse()) {
    const [extent, strides] = [extentOf(layer), stridesOf(layer)];
    const back = ([first, end], axis, added) =>
      [first * strides[axis] - added, (end - 1) * strides[axis] + extent[axis] - added];
    rows = back(rows, 0, layer.top ?? 0);
    columns = back(columns, 1, layer.left ?? 0);
  }
  return { top: rows[0], left: columns[0], bottom: rows[1], right: columns[1] };
}

function sourceOf(field, plane, { data, width }, color) {
  const [y, x] = [Math.floor((field.top + field.bottom - 1) / 2), Math.floor((field.left + field.right - 1) / 2)];
  if (y < 0 || x < 0 || y >= plane.height || x >= plane.width) return null;
  const place = 4 * (y * width + x);
  const colours = Array.from(data.subarray(place, place + 3));
  const gray = colours.every((value) => value === colours[0]);
  return { color, x, y, channels: gray ? colours.slice(0, 1) : colours, value: at(plane, 0, y, x) };
}

/** The range map of a filter's results, for which some ranges look at every colour. */
function mapOf(pipeline, planes, full, channel) {
  const all = pipeline.range === "rescale" ? planes.map((each) => run(pipeline.layers, each, full).at(-1)) : [];
  return rangeMapOf(pipeline, all, full, channel);
}

/** How the last layer's number becomes a byte. */
function pixelOf(result, pipeline, map) {
  const steps = changesOf(result, map);
  const value = steps.at(-1)?.value ?? result;
  const clipped = Math.min(Math.max(value, 0), 255);
  if (clipped !== value) steps.push({ what: value < 0 ? "clipped at black" : "clipped at white", value: clipped });
  return { range: pipeline.range, steps, rounded: rounded(clipped), written: rounded(clipped) };
}
