// From a kernel's or pipeline's text and the options to layers with numbers, as the library makes them.

import { Refusal } from "./server.js";

const KERNEL = {
  bias: 0, activation: "linear", combine: "none", range: "clip", values: "stored", color: "gray", border: "zero",
};

const LEAST = { pad: 0, strides: 1, dilation: 1, pool: 1 }; // rows and columns, as settings.py has them
const MOST = 4096;
const MOST_BIAS = 1e6;
const MOST_NUMBERS = 2 ** 24; // of one layer that this page computes

/** Refuses what the library refuses, so that nothing is computed of it. */
function check(work) {
  for (const [name, least] of Object.entries(LEAST)) {
    const value = work[name];
    const sound = [].concat(value).every((side) => Number.isInteger(side) && side >= least && side <= MOST);
    if (value !== undefined && typeof value !== "string" && !sound) {
      throw new Refusal({ error: `${name} can't be ${value}; use one whole number or two, from ${least} to ${MOST}` });
    }
  }
  if (work.bias !== undefined && !(Math.abs(work.bias) <= MOST_BIAS)) {
    throw new Refusal({ error: `bias can't be ${work.bias}; use a fraction of full scale, such as 0.5` });
  }
}

/** {layers, name, range, values, color}: the layers that some work becomes for pictures of [rows, columns]. */
export function pipelineOf(work, size) {
  check(work);
  const parts = work.filter.map((text, index) => part(text, index));
  const layers = parts.flatMap((each) => (each.layers ? each.layers : kernelLayers(each, work)));
  if (work.pool) layers.push({ kind: "pool", size: work.pool, mode: work.pool_mode ?? "max" });
  const last = parts.at(-1);
  const colors = new Set(parts.map(({ color }) => color));
  const signed = last.range === "signed" && ["magnitude", "absmax"].includes(work.combine);
  return {
    parts,
    layers: settled(layers, size),
    name: parts.map(({ name }) => name).join(" + "),
    range: work.range ?? (signed ? "gain" : last.range),
    values: work.values ?? (parts.some(({ values }) => values === "unit") ? "unit" : "stored"),
    color: work.color ?? (colors.size === 1 ? last.color : "gray"),
  };
}

function part(text, index) {
  const refuse = (error, place = {}) => {
    throw new Refusal({ error, filter: index, ...place });
  };
  let data;
  try {
    data = JSON.parse(text);
  } catch (error) {
    refuse(`not JSON: ${error.message}`, placeIn(text, error.message));
  }
  if (Array.isArray(data)) data = { weights: data };
  return data?.layers ? pipelinePart(data, refuse) : kernelOf(data ?? {}, refuse);
}

/** The line and column that a browser's message about JSON names. */
function placeIn(text, message) {
  const position = message.match(/position (\d+)/);
  if (!position) return {};
  const before = text.slice(0, Number(position[1])).split("\n");
  return { line: before.length, column: before.at(-1).length + 1 };
}

function kernelOf(data, refuse) {
  if (!Array.isArray(data.weights?.[0])) refuse('weights must be rows of numbers; add "weights"');
  const weights = arranged(data.weights, data.layout ?? "kh,kw,in,out");
  const filters = weights[0][0][0].length;
  const columns = weights[0].length;
  weights.forEach((row, y) => {
    if (row.length !== columns) refuse(`weights: row ${y + 1} has ${row.length} numbers, the first ${columns}`);
    row.flat(2).forEach((value) => {
      if (typeof value !== "number") refuse(`weights, row ${y + 1}: ${JSON.stringify(value)} is no number`);
    });
  });
  const turned = data.flip ? [...weights].reverse().map((row) => [...row].reverse()) : weights;
  const divided = turned.map((row) => row.map((taps) => taps.map((outs) =>
    outs.map((value, out) => value / divisorOf(data.divisor, turned, out)))));
  const bias = [].concat(data.bias ?? 0);
  return {
    ...KERNEL, ...data, name: data.name ?? "kernel", stored: weights, weights: divided,
    bias: Array.from({ length: filters }, (_, out) => bias[bias.length > 1 ? out : 0]),
    anchor: data.anchor ?? [weights.length >> 1, columns >> 1],
  };
}

/** Weights of two to four levels as [kh][kw][in][out]. */
function arranged(weights, layout) {
  const levels = (value) => (Array.isArray(value) ? 1 + levels(value[0]) : 0);
  const depth = levels(weights);
  if (depth === 2) return weights.map((row) => row.map((value) => [[value]]));
  if (depth === 3) return weights[0].map((row, y) => row.map((_, x) => [weights.map((filter) => filter[y][x])]));
  if (layout === "kh,kw,in,out") return weights;
  return weights[0][0].map((row, y) => row.map((_, x) => // out,in,kh,kw
    weights[0].map((_, channel) => weights.map((filter) => filter[channel][y][x]))));
}

function divisorOf(divisor, weights, out) {
  if (divisor !== "sum") return divisor ?? 1;
  return weights.flat(2).reduce((sum, outs) => sum + outs[out], 0) || 1;
}

function pipelinePart(data, refuse) {
  const layers = [];
  let waiting = null;
  for (const layer of data.layers) {
    if (layer.conv !== undefined) {
      if (typeof layer.conv === "string") refuse(`${layer.conv}: this page knows kernels that are written out`);
      const own = kernelOf(Array.isArray(layer.conv) ? { weights: layer.conv } : layer.conv, refuse);
      const said = { ...layer, strides: pairOf(layer.strides), dilation: pairOf(layer.dilation) };
      layers.push(...kernelLayers(own, { ...said, pad: waiting?.pad ?? "valid", border: waiting?.border ?? "zero" }));
      waiting = null;
    } else if (typeof layer.pad === "string") {
      waiting = layer;
    } else {
      layers.push(plainLayer(layer));
    }
  }
  return { color: "gray", range: "clip", values: "stored", name: "pipeline", ...data, layers };
}

function plainLayer(layer) {
  if (layer.pad !== undefined) return padLayer(pairOf(layer.pad), layer.border ?? "zero");
  if (layer.pool !== undefined) return { kind: "pool", size: pairOf(layer.pool), mode: layer.mode ?? "max" };
  if (layer.combine !== undefined) return { kind: "combine", how: layer.combine };
  return { kind: "activation", activation: layer.activation };
}

function padLayer([rows, columns], border) {
  return { kind: "pad", top: rows, bottom: rows, left: columns, right: columns, border };
}

function pairOf(value = 1) {
  return Array.isArray(value) ? value : [value, value];
}

/** [pad], conv, [combine] of one kernel. */
function kernelLayers(kernel, work) {
  const { weights, name } = kernel;
  const conv = {
    kind: "conv", name, weights, anchor: kernel.anchor,
    bias: work.bias === undefined ? kernel.bias : kernel.bias.map(() => work.bias),
    activation: work.activation ?? kernel.activation,
    strides: work.strides ?? [1, 1], dilation: work.dilation ?? [1, 1],
  };
  const how = work.combine ?? kernel.combine;
  const border = work.border ?? kernel.border;
  return [...padFor(work.pad ?? "same", border, conv), conv, ...(how === "none" ? [] : [{ kind: "combine", how }])];
}

export function extentOf(layer) {
  if (layer.kind === "pool") return layer.size;
  if (layer.kind !== "conv") return [1, 1];
  return [0, 1].map((axis) => {
    const length = axis ? layer.weights[0].length : layer.weights.length;
    return (length - 1) * layer.dilation[axis] + 1;
  });
}

export function stridesOf(layer) {
  return layer.kind === "pool" ? layer.size : layer.strides ?? [1, 1];
}

function padFor(amount, border, conv) {
  if (amount === "valid") return [];
  if (amount === "cover") return [{ kind: "cover", border }];
  if (Array.isArray(amount)) return amount.some(Boolean) ? [padLayer(amount, border)] : [];
  const [top, left] = conv.anchor.map((place, axis) => place * conv.dilation[axis]);
  const [height, width] = extentOf(conv);
  const pad = { kind: "pad", top, bottom: height - 1 - top, left, right: width - 1 - left, border };
  return pad.top || pad.bottom || pad.left || pad.right ? [pad] : [];
}

/** The layers with every `cover` made a padding; each knows the rows, columns and channels that it gives. */
function settled(layers, size) {
  let [shape, channels] = [size, layers.find(({ kind }) => kind === "conv")?.weights[0][0].length ?? 1];
  return layers.map((layer, place) => {
    const made = layer.kind === "cover" ? covering(layer, layers[place + 1], shape) : layer;
    shape = shapeAfter(made, shape);
    if (made.kind === "conv") channels = made.bias.length;
    if (made.kind === "combine") channels = 1;
    if (shape[0] * shape[1] * channels > MOST_NUMBERS) {
      throw new Refusal({ error: "more than this page computes; pad less, or use convfilter play" });
    }
    return { ...made, shape: [...shape, channels], label: labelOf(made) };
  });
}

function covering(layer, conv, shape) {
  const [extent, strides] = [extentOf(conv), stridesOf(conv)];
  const missing = shape.map((length, axis) =>
    Math.max(Math.ceil((length - extent[axis]) / strides[axis]), 0) * strides[axis] + extent[axis] - length);
  const [top, left] = missing.map((count) => count >> 1);
  return { kind: "pad", top, bottom: missing[0] - top, left, right: missing[1] - left, border: layer.border };
}

function shapeAfter(layer, [height, width]) {
  if (layer.kind === "pad") return [height + layer.top + layer.bottom, width + layer.left + layer.right];
  const [extent, strides] = [extentOf(layer), stridesOf(layer)];
  return [height, width].map((length, axis) => {
    if (extent[axis] > length) throw new Refusal({ error: "larger than what it gets; use a larger picture" });
    return Math.floor((length - extent[axis]) / strides[axis]) + 1;
  });
}

function labelOf(layer) {
  if (layer.kind === "pad") return `pad ${layer.border}`;
  if (layer.kind === "pool") return `${layer.mode}-pool ${layer.size[0]}×${layer.size[1]}`;
  if (layer.kind === "combine") return layer.how;
  if (layer.kind === "activation") return layer.activation;
  return layer.activation === "linear" ? layer.name : `${layer.name}, ${layer.activation}`;
}
