// The engine's arithmetic on planes of float32: each product exact in float64, one rounding for each tap.
//
// A plane set is {channels, height, width, data}, data one Float32Array of a plane after the other.

const FEW_TAPS = 25; // up to these the engine adds column by column, above them row by row

export function planesOf(channels, height, width) {
  return { channels, height, width, data: new Float32Array(channels * height * width) };
}

export function at(planes, channel, y, x) {
  return planes.data[(channel * planes.height + y) * planes.width + x];
}

/** Where numpy.pad takes row or column `place` from, for 0 … length − 1 inside; −1 where it puts a zero. */
export function borderIndex(place, length, border) {
  if (place >= 0 && place < length) return place;
  const around = (period) => ((place % period) + period) % period;
  if (border === "zero") return -1;
  if (border === "edge") return place < 0 ? 0 : length - 1;
  if (border === "wrap") return around(length);
  if (border === "symmetric") return Math.min(around(2 * length), 2 * length - 1 - around(2 * length));
  const period = Math.max(2 * (length - 1), 1);
  return Math.min(around(period), 2 * (length - 1) - around(period));
}

export function pad(planes, { top, bottom, left, right, border }) {
  const made = planesOf(planes.channels, planes.height + top + bottom, planes.width + left + right);
  const columns = Array.from({ length: made.width }, (_, x) => borderIndex(x - left, planes.width, border));
  let place = 0;
  for (let channel = 0; channel < made.channels; channel++) {
    for (let y = 0; y < made.height; y++) {
      const row = borderIndex(y - top, planes.height, border);
      const start = (channel * planes.height + row) * planes.width;
      for (const column of columns) made.data[place++] = row < 0 || column < 0 ? 0 : planes.data[start + column];
    }
  }
  return made;
}

/** The taps (row, column) of a window in the order in which the engine adds them. */
function tapsOf(rows, columns) {
  const taps = [];
  if (rows * columns <= FEW_TAPS) {
    for (let j = 0; j < columns; j++) for (let i = 0; i < rows; i++) taps.push([i, j]);
  } else {
    for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) taps.push([i, j]);
  }
  return taps;
}

/** weights: [kh][kw][in][out] of float32 numbers; bias: [out], in the pixels' own units. */
export function convolve(planes, { weights, bias, strides, dilation, activation }) {
  const [rows, columns] = [weights.length, weights[0].length];
  const extent = [(rows - 1) * dilation[0] + 1, (columns - 1) * dilation[1] + 1];
  const height = Math.floor((planes.height - extent[0]) / strides[0]) + 1;
  const width = Math.floor((planes.width - extent[1]) / strides[1]) + 1;
  const made = planesOf(bias.length, height, width);
  const taps = tapsOf(rows, columns).flatMap(([i, j]) => Array.from({ length: planes.channels }, (_, channel) =>
    ({ i, j, channel, offset: (channel * planes.height + i * dilation[0]) * planes.width + j * dilation[1] })));
  const sums = new Float32Array(width);
  for (let out = 0; out < made.channels; out++) {
    const used = taps.map(({ i, j, channel, offset }) => [Math.fround(weights[i][j][channel][out]), offset])
      .filter(([weight]) => weight !== 0);
    for (let y = 0; y < height; y++) {
      const start = y * strides[0] * planes.width;
      sums.fill(bias[out]);
      for (const [weight, offset] of used) {
        for (let x = 0, place = start + offset; x < width; x++, place += strides[1]) {
          sums[x] += planes.data[place] * weight; // rounded as it is stored
        }
      }
      made.data.set(sums, (out * height + y) * width);
    }
  }
  return activate(made, activation);
}

const LAMBDA = 1.0507009873554805;
const ALPHA = 1.6732632423543772;
export const FUNCTIONS = {
  linear: (v) => v,
  abs: Math.abs,
  relu: (v) => Math.max(v, 0),
  relu6: (v) => Math.min(Math.max(v, 0), 6),
  leaky_relu: (v) => (v > 0 ? v : 0.2 * v),
  elu: (v) => (v > 0 ? v : Math.expm1(v)),
  selu: (v) => LAMBDA * (v > 0 ? v : ALPHA * Math.expm1(v)),
  sigmoid: (v) => 1 / (1 + Math.exp(-v)),
  hard_sigmoid: (v) => Math.min(Math.max(v / 6 + 0.5, 0), 1),
  tanh: Math.tanh,
  hard_tanh: (v) => Math.min(Math.max(v, -1), 1),
  softplus: (v) => Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v))),
  softsign: (v) => v / (1 + Math.abs(v)),
  exponential: Math.exp,
  silu: (v) => v / (1 + Math.exp(-v)),
};

/** Each number through a function; null where this page has not got it. */
export function activate(planes, name) {
  if (name === "linear") return planes;
  const call = FUNCTIONS[name];
  if (!call) throw new Error(`this page cannot compute ${name}; convfilter play can`);
  return { ...planes, data: planes.data.map((value) => call(value)) };
}

const COMBINED = {
  magnitude: (values) => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0)),
  max: (values) => Math.max(...values),
  absmax: (values) => Math.max(...values.map(Math.abs)),
  sum: (values) => values.reduce((sum, v) => Math.fround(sum + v), 0),
  mean: (values) => values.reduce((sum, v) => Math.fround(sum + v), 0) / values.length,
};

export function combine(planes, how) {
  const made = planesOf(1, planes.height, planes.width);
  const values = new Array(planes.channels);
  for (let place = 0; place < made.data.length; place++) {
    for (let channel = 0; channel < planes.channels; channel++) {
      values[channel] = planes.data[channel * made.data.length + place];
    }
    made.data[place] = COMBINED[how](values);
  }
  return made;
}

/** values: a window's numbers column by column, as the engine takes them. */
export function poolValues(values, mode) {
  if (mode === "max") return Math.max(...values);
  return Math.fround(sumOf(values) * Math.fround(1 / values.length));
}

/** Up to nine numbers are added in the engine's pairs, more of them in a row. */
function sumOf(values) {
  const plus = (...numbers) => numbers.reduce((sum, value) => Math.fround(sum + value));
  if (values.length > 9) return plus(...values);
  const [a, b, c, d, e, f, g, h, i] = [...values, ...new Array(9 - values.length).fill(0)];
  return plus(plus(plus(c, d), plus(e, f)), plus(plus(a, b, i), plus(g, h)));
}

export function pool(planes, [rows, columns], mode) {
  const [height, width] = [Math.floor(planes.height / rows), Math.floor(planes.width / columns)];
  const made = planesOf(planes.channels, height, width);
  let place = 0;
  for (let channel = 0; channel < made.channels; channel++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const values = [];
        for (let j = 0; j < columns; j++) {
          for (let i = 0; i < rows; i++) values.push(at(planes, channel, y * rows + i, x * columns + j));
        }
        made.data[place++] = poolValues(values, mode);
      }
    }
  }
  return made;
}

/** To the nearest whole number, halves to even. */
export function rounded(value) {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** The changes of a range map {absolute, less, times, plus}, in the engine's order, each rounded to float32. */
export function changesOf(value, map) {
  const changes = [];
  const change = (what, next) => changes.push({ what, value: value = Math.fround(next) });
  if (map.absolute) change("absolute value", Math.abs(value));
  if (map.less !== undefined) change(`less ${map.less}`, value - Math.fround(map.less));
  if (map.times !== 1) change(`times ${map.times}`, value * Math.fround(map.times));
  if (map.plus !== undefined) change(`plus ${map.plus}`, value + Math.fround(map.plus));
  return changes;
}

/** The bytes that results become. */
export function bytesOf(values, { absolute, less, times, plus }) {
  const bytes = new Uint8ClampedArray(values.length); // which rounds halves to even, and takes NaN for 0
  const [from, by, to] = [less ?? 0, times, plus ?? 0].map(Math.fround);
  values.forEach((value, place) => {
    const shifted = Math.fround((absolute ? Math.abs(value) : value) - from);
    bytes[place] = Math.fround(Math.fround(shifted * by) + to);
  });
  return bytes;
}
