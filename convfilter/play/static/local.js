// The engine of a page that stands alone: the arithmetic is done here, and judged by the engine's own result,
// which the page carries. It answers what Server answers.

import { bytesOf, planesOf } from "./arithmetic.js";
import { describe, rangeMapOf } from "./local_describe.js";
import { explain } from "./local_explain.js";
import { pipelineOf } from "./pipeline.js";
import { run } from "./run.js";

const WHITE = 255;
const BLUE = [5, 75, 160];
const RED = [180, 20, 35];
const PAPER = 252;
const MOST_DRAWN = 16;

export class Local {
  /** data: what share.py put into the page; see Shared there. */
  constructor(data) {
    this.data = data;
    this.words = data.words;
    this.can = { upload: false, catalogue: false, network: false };
  }

  /** What is shown first, once the arithmetic here was compared with the engine's. */
  async start() {
    this.pixels = await this.read();
    this.check = await this.compare();
    return { filter: this.data.work.filter, picture: "picture", network: null, version: this.data.version };
  }

  async picture() {
    const { picture } = this.data;
    this.bitmap ??= await createImageBitmap(await imageAt(picture.address));
    return { ...picture, id: "picture", bitmap: this.bitmap };
  }

  describe(work, size) {
    return Promise.resolve().then(() => describe(work, size, this.data));
  }

  async apply(work, picture, page = 0) {
    const started = performance.now();
    if (this.isOwn(work) && this.check.different && this.judges[page]) {
      return { bitmap: await createImageBitmap(this.judges[page]), milliseconds: 0 };
    }
    const image = await this.filtered(work, page);
    return { bitmap: await createImageBitmap(image), milliseconds: performance.now() - started };
  }

  async explain(work, picture, at) {
    const { pipeline, planes, full } = await this.taken(work);
    const found = explain(pipeline, planes, full, at, this.pixels);
    const judge = this.isOwn(work) && this.judges?.[at.channel];
    if (found.pixel && judge) found.pixel.written = judge.data[4 * (at.y * judge.width + at.x) + at.plane];
    return found;
  }

  async layers(work) {
    const { pipeline, planes, full } = await this.taken(work);
    const size = [this.data.picture.height, this.data.picture.width];
    const rows = describe(work, size, this.data).layers;
    const results = [stack(planes), ...stacked(planes.map((plane) => run(pipeline.layers, plane, full)))];
    const entry = { kind: "input", keras: "Input", label: "input", what: "the picture as it enters",
      shape: [...size, results[0].channels], parameters: 0, field: [1, 1], stride: [1, 1] };
    return { layers: await Promise.all([entry, ...rows].map((row, place) => drawn(row, results[place]))) };
  }

  async window(work, grid) {
    const size = [grid.length, grid[0].length];
    const pipeline = pipelineOf(work, size);
    const plane = { ...planesOf(1, ...size), data: Float32Array.from(grid.flat()) };
    const results = run(pipeline.layers, plane, 1);
    const entry = { kind: "input", keras: "Input", label: "input", values: nested(plane) };
    const { layers, weights } = describe(work, size, this.data);
    const told = pipeline.layers.map((layer, place) =>
      ({ ...toldOf(layer), keras: layers[place].keras, values: nested(results[place]) }));
    return { layers: [entry, ...told], weights };
  }

  /** What the page says of itself: how its own arithmetic compares with the engine's. */
  get said() {
    const { different, count, pages, reason } = this.check;
    if (reason) return `The engine's own result is shown: ${reason}.`;
    if (different) {
      return `The engine's own result is shown: computed in this page, ${different} of ${count} numbers differ.`;
    }
    const checked = this.judges.length;
    const which = checked < pages ? ` of the first ${checked} of ${pages} results` : "";
    return `Computed in this page; all ${count.toLocaleString("en-US")} numbers${which} equal the engine's.`;
  }

  isOwn(work) {
    return JSON.stringify({ ...work, range: null }) === JSON.stringify({ ...this.data.work, range: null })
      && (work.range ?? this.data.described.range) === this.data.described.range;
  }

  async compare() {
    try {
      let [different, count] = [0, 0];
      this.judges = await Promise.all(this.data.pages.map(async (address) => pixelsOf(await imageAt(address))));
      for (const [page, { data }] of this.judges.entries()) {
        const own = (await this.filtered(this.data.work, page)).data;
        own.forEach((value, place) => { different += value !== data[place]; });
        count += own.length / 4;
      }
      return { different, count, pages: this.kept.results[0].channels };
    } catch (error) {
      return { different: 1, count: 0, reason: error.message };
    }
  }

  async read() {
    return pixelsOf(await imageAt(this.data.picture.address));
  }

  /** The pipeline of some work, the planes that enter it, and their white. */
  async taken(work) {
    const { width, height, channels } = this.data.picture;
    const pipeline = pipelineOf(work, [height, width]);
    if (work.linear) throw new Error("linear light is computed by convfilter play alone");
    const full = pipeline.values === "unit" ? 1 : WHITE;
    pipeline.exact = this.boundsOf(work, full);
    return { pipeline, full, planes: planesIn(this.pixels, channels, pipeline, full) };
  }

  /** The engine's own bounds, where the layers are those that it was asked for. */
  boundsOf(work, full) {
    const layers = ({ range, color, ...own }) => JSON.stringify(own);
    const { bounds } = this.data.described;
    if (!bounds || layers(work) !== layers(this.data.work)) return null;
    return [bounds.low * full, bounds.high * full];
  }

  /** What the last layer makes of each plane, all its pages; those of the last work are kept. */
  resultsOf(work, pipeline, planes, full) {
    const key = JSON.stringify({ ...work, range: null });
    if (this.kept?.key !== key) {
      const results = planes.map((plane) => run(pipeline.layers, plane, full).at(-1) ?? plane);
      this.kept = { key, results };
    }
    return this.kept.results;
  }

  /** Page `page` of the filtered picture, as ImageData. */
  async filtered(work, page) {
    const { pipeline, planes, full } = await this.taken(work);
    if (pipeline.color === "luma") throw new Error("luma is computed by convfilter play alone");
    const results = this.resultsOf(work, pipeline, planes, full);
    const map = rangeMapOf(pipeline, results, full, page);
    const { height, width } = results[0];
    const size = height * width;
    const colours = results.map(({ data }) => bytesOf(data.subarray(page * size, (page + 1) * size), map));
    const image = new ImageData(width, height);
    for (let place = 0; place < size; place++) {
      for (let k = 0; k < 3; k++) image.data[4 * place + k] = colours[Math.min(k, colours.length - 1)][place];
      image.data[4 * place + 3] = 255;
    }
    return image;
  }
}

/** The planes of an RGBA picture that a pipeline takes: gray, or each colour by itself, or all at once. */
function planesIn({ data, width, height }, channels, pipeline, full) {
  const takes = pipeline.layers.find(({ kind }) => kind === "conv")?.weights[0][0].length ?? 1;
  const scale = (value) => (full === WHITE ? value : Math.fround(value / WHITE));
  const plane = (value) => {
    const made = planesOf(1, height, width);
    for (let place = 0; place < made.data.length; place++) made.data[place] = scale(value(4 * place));
    return made;
  };
  const colours = [0, 1, 2].map((colour) => (place) => data[place + colour]);
  if (takes === 3) return [stack(colours.map(plane))];
  if (channels === 1) return [plane(colours[0])];
  if (pipeline.color !== "gray") return colours.map(plane);
  const weights = [19595, 38470, 7471]; // Rec. 601 in 65536ths
  return [plane((place) => (weights.reduce((sum, weight, colour) => sum + weight * data[place + colour], 0x8000) >> 16))];
}

function stack(all) {
  const made = planesOf(all.reduce((sum, { channels }) => sum + channels, 0), all[0].height, all[0].width);
  let place = 0;
  for (const { data } of all) {
    made.data.set(data, place);
    place += data.length;
  }
  return made;
}

/** The layers' results of several planes as one list of results. */
function stacked(results) {
  return results[0].map((_, place) => stack(results.map((each) => each[place])));
}

function nested({ channels, height, width, data }) {
  return Array.from({ length: channels }, (_, channel) => Array.from({ length: height }, (_, y) =>
    Array.from(data.subarray((channel * height + y) * width, (channel * height + y + 1) * width))));
}

function toldOf(layer) {
  const { kind, label, weights, bias, activation, how, mode } = layer;
  const extent = kind === "conv" ? [weights.length, weights[0].length] : layer.size ?? [1, 1];
  const dilation = layer.dilation ?? [1, 1];
  const looks = extent.map((length, axis) => (length - 1) * dilation[axis] + 1);
  const told = { kind, label, window: { extent: looks, strides: layer.strides ?? layer.size ?? [1, 1], dilation } };
  if (kind === "pad") return { ...told, pad: layer };
  return { ...told, weights, bias, activation, combine: how, mode };
}

/** A layer's row with its range and its channels drawn as the sheet of `features` draws them. */
async function drawn(row, planes) {
  const [low, high] = planes.data.reduce(([least, most], v) => [Math.min(least, v), Math.max(most, v)],
    [Infinity, -Infinity]);
  const size = planes.height * planes.width;
  const count = Math.min(planes.channels, MOST_DRAWN);
  const channels = Array.from({ length: count }, (_, channel) =>
    addressOf(planes.data.subarray(channel * size, (channel + 1) * size), planes, low < 0));
  return { ...row, low, high, channels };
}

function addressOf(values, { width, height }, signed) {
  const most = values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0) || 1;
  const image = new ImageData(width, height);
  values.forEach((value, place) => {
    const share = value / most;
    const colour = share < 0 ? BLUE : RED;
    for (let k = 0; k < 3; k++) {
      image.data[4 * place + k] = signed ? PAPER + Math.abs(share) * (colour[k] - PAPER) : share * 255;
    }
    image.data[4 * place + 3] = 255;
  });
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas.toDataURL();
}

async function imageAt(address) {
  const image = new Image();
  image.src = address;
  await image.decode();
  return image;
}

function pixelsOf(image) {
  const canvas = Object.assign(document.createElement("canvas"), { width: image.width, height: image.height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, image.width, image.height);
}
