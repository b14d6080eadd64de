// The arithmetic of one step of a window, from the engine's layers (Server.window).

/** Layers that a window walks over, by their index among the filter's layers: all but paddings. */
export function walked(layers) {
  const all = layers.slice(1).map((layer, index) => ({ layer, index }));
  return all.filter(({ layer }) => layer.kind !== "pad");
}

/** What layer `index` sees: {planes (channels, H, W), pad, first}; first: whether it is the input itself. */
export function seenBy(layers, index) {
  const before = layers[index]; // layers[0] is the input, so that layers[index + 1] is the layer
  const pad = before.kind === "pad" ? before.pad : { top: 0, bottom: 0, left: 0, right: 0 };
  return { planes: before.values, pad, first: index === 0 || (before.kind === "pad" && index === 1) };
}

/** One step: {y, x} of the output, the taps' rows and columns, and the arithmetic, exact in float64. */
export function stepOf(layers, index, channel, step) {
  const layer = layers[index + 1];
  const { planes } = seenBy(layers, index);
  const width = layer.values[channel][0].length;
  const at = { y: Math.floor(step / width), x: step % width };
  const taps = tapsOf(layer, at);
  const value = layer.values[channel][at.y][at.x];
  return { ...at, ...taps, value, layer, ...arithmetic(layer, planes, channel, taps) };
}

/** The rows and columns that one output looks at, in the plane with its padding. */
function tapsOf({ kind, window, weights }, { y, x }) {
  if (kind !== "conv" && kind !== "pool") return { rows: [y], columns: [x] };
  const [height, width] = kind === "conv" ? [weights.length, weights[0].length] : window.extent;
  const [down, right] = window.strides;
  const [rowStep, columnStep] = window.dilation ?? [1, 1];
  return { rows: run(y * down, rowStep, height), columns: run(x * right, columnStep, width) };
}

function run(start, step, count) {
  return Array.from({ length: count }, (_, index) => start + index * step);
}

function arithmetic(layer, planes, channel, { rows, columns }) {
  const seen = (plane) => rows.map((y) => columns.map((x) => plane[y][x]));
  if (layer.kind === "conv") return convolution(layer, planes.map(seen), channel);
  const own = layer.kind === "combine" ? planes.map(seen) : [seen(planes[channel])];
  return { windows: own.map((values) => ({ values })) };
}

function convolution({ weights, bias }, windows, channel) {
  const parts = windows.map((values, input) => {
    const own = weights.map((row) => row.map((cell) => cell[input][channel]));
    const products = values.map((row, y) => row.map((value, x) => value * own[y][x] + 0)); // + 0: not −0
    return { values, weights: own, products };
  });
  const sum = parts.flatMap(({ products }) => products.flat()).reduce((total, product) => total + product, 0);
  const added = Array.isArray(bias) ? bias[channel] ?? 0 : bias ?? 0;
  return { windows: parts, sum, bias: added, before: sum + added };
}
