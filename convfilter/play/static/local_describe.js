// What a page that stands alone says of some work: layers, sizes, bounds, text and command.

import { extentOf, pipelineOf, stridesOf } from "./pipeline.js";
import { FUNCTIONS } from "./arithmetic.js";

const KERAS = { conv: "Conv2D", combine: "CombineFilters", activation: "Activation" };

/** As the server's describe; of the work that the page was made for, the engine's own words. */
export function describe(work, size, data) {
  const pipeline = pipelineOf(work, size);
  const found = boundsOf(pipeline.layers, 1);
  const how = pipeline.range;
  const same = JSON.stringify(work) === JSON.stringify(data.work);
  return {
    name: pipeline.name,
    kernels: pipeline.parts.map((part, filter) => part.weights && kernelRow(part, filter)).filter(Boolean),
    files: work.filter.map(pretty),
    layers: rowsOf(pipeline.layers),
    weights: weightsOf(pipeline.layers, size),
    bounds: found && { low: found[0], high: found[1], exact: false },
    pages: pipeline.layers.at(-1).shape[2],
    range: how,
    color: pipeline.color,
    border: pipeline.layers.find(({ kind }) => kind === "pad")?.border ?? pipeline.parts[0].border ?? "zero",
    signed: how === "clip" && found !== null && found[0] < 0,
    command: same ? data.described.command : commandOf(work),
  };
}

function kernelRow(part, filter) {
  const { name, stored, weights, divisor = 1, bias, anchor, activation, combine, range, color, border } = part;
  return { filter, name, weights: stored, effective: weights, divisor, bias, anchor, activation, combine, range, color,
    border };
}

/** The text with each row of numbers on a line of its own. */
function pretty(text) {
  const data = JSON.parse(text);
  return JSON.stringify(data, null, 2).replace(/\[\s*([-\d.eE+,\s]+?)\s*\]/g, (_, numbers) =>
    `[${numbers.split(/\s*,\s*/).join(", ")}]`) + "\n";
}

function rowsOf(layers) {
  let [field, stride] = [[1, 1], [1, 1]];
  return layers.map((layer) => {
    const [extent, steps] = [extentOf(layer), stridesOf(layer)];
    field = field.map((length, axis) => length + (extent[axis] - 1) * stride[axis]);
    stride = stride.map((length, axis) => length * steps[axis]);
    return { kind: layer.kind, keras: kerasOf(layer), label: layer.label, what: whatOf(layer), shape: layer.shape,
      parameters: parametersOf(layer), field, stride };
  });
}

function kerasOf(layer) {
  if (layer.kind === "pad") return layer.border === "zero" ? "ZeroPadding2D" : "BorderPadding2D";
  if (layer.kind === "pool") return layer.mode === "max" ? "MaxPooling2D" : "AveragePooling2D";
  return KERAS[layer.kind];
}

function whatOf(layer) {
  if (layer.kind === "pad") {
    return `top ${layer.top}, bottom ${layer.bottom}, left ${layer.left}, right ${layer.right}: ${layer.border}`;
  }
  if (layer.kind !== "conv") return layer.label;
  return `${layer.name}, ${layer.bias.length} × ${layer.weights.length}×${layer.weights[0].length}`;
}

function countOf({ weights, bias }) {
  return weights.length * weights[0].length * weights[0][0].length * bias.length;
}

function parametersOf(layer) {
  if (layer.kind !== "conv") return 0;
  return countOf(layer) + (layer.bias.some(Boolean) ? layer.bias.length : 0);
}

/** How many weights each convolution would need without sharing. */
function weightsOf(layers, size) {
  let before = [...size, layers.find(({ kind }) => kind === "conv")?.weights[0][0].length ?? 1];
  return layers.flatMap((layer) => {
    const [inputs, outputs] = [before, layer.shape].map((shape) => shape.reduce((a, b) => a * b));
    before = layer.shape;
    if (layer.kind !== "conv") return [];
    const taps = countOf(layer) / layer.bias.length;
    return [{ layer: layer.name, dense: inputs * outputs, local: outputs * taps, shared: countOf(layer) }];
  });
}

/** How small and large results get for pixels of 0 to `full`, never too narrow; null where that is not known. */
export function boundsOf(layers, full) {
  let boxes = null;
  for (const layer of layers) {
    boxes ??= Array.from({ length: layer.kind === "conv" ? layer.weights[0][0].length : 1 }, () => [0, full]);
    boxes = boxesAfter(layer, boxes, full);
    if (!boxes) return null;
  }
  return boxes && [Math.min(...boxes.map(([low]) => low)), Math.max(...boxes.map(([, high]) => high))];
}

function boxesAfter(layer, boxes, full) {
  if (layer.kind === "pad") return layer.border === "zero" ? boxes.map(([l, h]) => [Math.min(l, 0), Math.max(h, 0)]) : boxes;
  if (layer.kind === "pool") return boxes;
  if (layer.kind === "combine") return [combinedBox(layer.how, boxes)];
  if (layer.kind === "activation") return activatedBoxes(layer.activation, boxes);
  const found = layer.bias.map((bias, out) => layer.weights.flat().reduce(([low, high], channels) =>
    channels.reduce(([l, h], outs, channel) => {
      const ends = boxes[channel].map((value) => value * outs[out]);
      return [l + Math.min(...ends), h + Math.max(...ends)];
    }, [low, high]), [bias * full, bias * full]));
  return activatedBoxes(layer.activation, found);
}

function activatedBoxes(name, boxes) {
  if (name === "abs") {
    return boxes.map(([low, high]) => [low < 0 && high > 0 ? 0 : Math.min(Math.abs(low), Math.abs(high)),
      Math.max(Math.abs(low), Math.abs(high))]);
  }
  const rising = FUNCTIONS[name];
  return rising && name !== "silu" ? boxes.map((box) => box.map(rising)) : null;
}

function combinedBox(how, boxes) {
  const sizes = boxes.map(([low, high]) => Math.max(Math.abs(low), Math.abs(high)));
  if (how === "magnitude") return [0, Math.hypot(...sizes)];
  if (how === "absmax") return [0, Math.max(...sizes)];
  if (how === "max") return [Math.max(...boxes.map(([low]) => low)), Math.max(...boxes.map(([, high]) => high))];
  const sums = [0, 1].map((end) => boxes.reduce((sum, box) => sum + box[end], 0));
  return how === "mean" ? sums.map((sum) => sum / boxes.length) : sums;
}

/** The range map {absolute, less, times, plus} of page `page` of a pipeline's results, a plane set a colour. */
export function rangeMapOf({ layers, range, exact }, results, full, page) {
  const white = 255;
  if (range === "raw") throw new Error("floats are no picture; choose another range");
  if (range === "clip" || range === "abs") return { absolute: range === "abs", times: white / full };
  if (range === "rescale") {
    const [low, high] = results.reduce(([least, most], { data, width, height }) =>
      data.subarray(page * width * height, (page + 1) * width * height).reduce(([l, h], value) =>
        [Math.min(l, value), Math.max(h, value)], [least, most]), [Infinity, -Infinity]);
    return { less: low, times: white / (high - low || 1) };
  }
  const found = exact ?? boundsOf(layers, full);
  if (!found) throw new Error("no bounds are known for these activations; choose rescale");
  const largest = Math.max(Math.abs(found[0]), Math.abs(found[1]));
  if (range === "signed") return { times: white / (2 * largest || 1), plus: white / 2 };
  const [low, high] = [Math.min(found[0], 0), Math.max(found[1], 0)];
  return { less: low, times: white / (high - low || 1) };
}

function commandOf(work) {
  const files = work.filter.map((_, n) => `./kernel${n ? `-${n + 1}` : ""}.json`);
  const words = ["convfilter", "apply", files[0], "photo.jpg", "out.png"];
  files.slice(1).forEach((file) => words.push("--then", file));
  for (const [key, value] of Object.entries(work)) {
    if (key === "filter" || value === null || value === false) continue;
    const text = Array.isArray(value) && value[0] === value[1] ? value[0] : String(value);
    words.push(`--${key.replace("_", "-")}`, ...(value === true ? [] : [text]));
  }
  return words.join(" ");
}
