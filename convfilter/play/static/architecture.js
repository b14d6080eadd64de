// A network's structure as a drawing: every layer a block, as tall as its maps are large, and as
// wide as there are many.

import { element, svg } from "./dom.js";
import { short } from "./numbers.js";

const TALL = 120; // of the largest maps
const GAP = 22;
const LABELS = 58;
const KINDS = {
  Conv: "conv", Pool: "pool", SubSampling: "pool", Dense: "dense", Input: "input", Padding: "pad",
};
const SLIM = /Dropout|Flatten|Normalization|Padding/; // changes nothing to see: drawn thin, without words

/** Layers as blocks: the parts of an inception module ("3a_1x1", … "3a") are one. */
export function blocksOf(layers) {
  const blocks = [];
  for (const layer of layers) {
    const [module] = /^\d[a-z]/.exec(layer.name) ?? [null];
    const last = blocks.at(-1);
    if (module && last?.module === module) last.layers.push(layer);
    else blocks.push({ module, layers: [layer] });
  }
  return blocks.map(({ module, layers: parts }) => ({ ...parts.at(-1), module, parts }));
}

/** The drawing; bare: without words, for a card. */
export function architecture({ title, layers }, { bare = false } = {}) {
  const shown = bare ? layers.filter(({ kind }) => !SLIM.test(kind)) : layers;
  const largest = Math.max(...shown.map(sideOf));
  let right = 6;
  const drawn = blocksOf(shown).map((block) => {
    const words = bare || SLIM.test(block.kind) ? [] : wordsOf(block);
    const form = formOf(block, largest);
    const wide = words.map((text) => 6.7 * text.length + 12);
    const way = Math.max(form.width + form.slant + (bare ? 8 : GAP), ...wide);
    right += way;
    return blockAt(block, form, right - way / 2, words);
  });
  const height = TALL * 1.4 + (bare ? 8 : LABELS);
  return svg("svg", {
    viewBox: `0 0 ${Math.ceil(right)} ${height}`, class: bare ? "drawing" : "architecture", role: "img",
    width: bare ? null : Math.ceil(right), height: bare ? null : height,
    "aria-label": `${title}: ${layers.length - 1} layers, drawn as blocks`,
  }, drawn);
}

function sideOf({ shape }) {
  return shape.length === 3 ? Math.max(shape[0], shape[1]) : 1;
}

/** How tall and wide a block is, and how far it goes back. */
function formOf(block, largest) {
  const { shape, kind } = block;
  const slim = SLIM.test(kind);
  if (shape.length < 3) return { tall: 14 + 8 * Math.log2(shape[0]), width: slim ? 4 : 9, slant: 0 };
  const tall = 10 + (TALL - 10) * Math.sqrt(sideOf(block) / largest);
  return { tall, width: slim ? 4 : 5 + 3.2 * Math.log2(shape.at(-1)), slant: tall * 0.3 };
}

/** A block with its middle at `middle`, and its words below. */
function blockAt(block, { tall, width, slant }, middle, words) {
  const [x, y] = [middle - (width + slant) / 2, TALL * 0.85 - tall / 2];
  return svg("g", { class: `block ${kindOf(block)}` }, svg("title", {}, said(block)),
    svg("path", { class: "top", d: `M${x},${y} l${slant},${-slant} h${width} l${-slant},${slant} z` }),
    svg("path", {
      class: "side", d: `M${x + width},${y} l${slant},${-slant} v${tall} l${-slant},${slant} z`,
    }),
    svg("rect", { x, y, width, height: tall }), block.module && stripes(x, y, width, tall),
    words.map((text, at) => svg("text", {
      x: middle, y: TALL * 1.4 + 14 + at * 15, "text-anchor": "middle", class: at === 0 ? "name" : null,
    }, text)));
}

/** The four branches of an inception module. */
function stripes(x, top, width, tall) {
  const line = (y) => svg("line", { x1: x, x2: x + width, y1: y, y2: y });
  return [1, 2, 3].map((part) => line(top + tall * part / 4));
}

function wordsOf(block) {
  return [block.module ?? block.name, block.shape.join("×"), whatOf(block)];
}

function whatOf({ kind, window, stride, module, parts }) {
  if (module) return `${parts.filter((part) => part.kind === "Conv2D").length} convs`;
  const step = stride ? ` / ${stride}` : "";
  return window ? `${kindOf({ kind })} ${window}×${window}${step}` : kindOf({ kind });
}

function kindOf({ kind, module }) {
  if (module) return "module";
  return Object.entries(KINDS).find(([part]) => kind.includes(part))?.[1] ?? "other";
}

function said({ name, module, kind, shape, parts }) {
  const weights = parts.reduce((sum, { parameters }) => sum + parameters, 0);
  const what = module ? "inception module" : kind;
  return `${module ?? name}, ${what}: ${shape.join("×")}, ${short(weights)} parameters`;
}

/** Every layer in a table, which says what the drawing shows. */
export function layerTable({ title, layers }) {
  const head = ["Layer", "Keras", "Window", "Output", "Parameters"];
  const looks = ({ window, stride }) =>
    (window ? `${window}×${window}${stride ? `, stride ${stride}` : ""}` : "");
  const rows = layers.map((layer) => [
    layer.name, layer.kind, looks(layer), layer.shape.join("×"), short(layer.parameters)]);
  const place = { class: "wide", tabindex: 0, role: "region", "aria-label": `Layers of ${title}` };
  return element("div", place, element("table", { class: "layer-table" },
    element("thead", {}, element("tr", {}, head.map((text) => element("th", { scope: "col" }, text)))),
    element("tbody", {}, rows.map(([name, ...rest]) => element("tr", {},
      element("th", { scope: "row" }, name), rest.map((text) => element("td", {}, text)))))));
}
