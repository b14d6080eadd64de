// A network's structure as a drawing: every layer a block, as tall as its maps are large, as wide as there are many.

import { element, svg } from "./dom.js";
import { short } from "./numbers.js";

const TALL = 120; // of the largest maps
const GAP = 22;
const LABELS = 58;
const KINDS = { Conv: "conv", Pool: "pool", SubSampling: "pool", Dense: "dense", Input: "input", Padding: "pad" };
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
  let x = bare ? 4 : 34;
  const drawn = blocksOf(shown).map((block) => {
    const made = blockAt(block, x, largest, bare);
    x += made.width + (bare ? 8 : Math.max(GAP, made.words - made.width + 10));
    return made.node;
  });
  const height = TALL * 1.4 + (bare ? 8 : LABELS);
  return svg("svg", {
    viewBox: `0 0 ${Math.ceil(x)} ${height}`, class: bare ? "drawing" : "architecture", role: "img",
    width: bare ? null : Math.ceil(x), height: bare ? null : height,
    "aria-label": `${title}: ${layers.length - 1} layers, drawn as blocks`,
  }, drawn);
}

function sideOf({ shape }) {
  return shape.length === 3 ? Math.max(shape[0], shape[1]) : 1;
}

function blockAt(block, x, largest, bare) {
  const flat = block.shape.length < 3;
  const tall = flat ? 14 + 8 * Math.log2(block.shape[0]) : 10 + (TALL - 10) * Math.sqrt(sideOf(block) / largest);
  const width = flat ? 9 : SLIM.test(block.kind) ? 4 : 5 + 3.2 * Math.log2(block.shape.at(-1));
  const slant = flat ? 0 : tall * 0.3;
  const middle = TALL * 0.85;
  const top = middle - tall / 2;
  const words = bare || SLIM.test(block.kind) ? null : wordsOf(block, x + (width + slant) / 2);
  const node = svg("g", { class: `block ${kindOf(block)}` }, svg("title", {}, said(block)),
    slant && svg("path", { class: "top", d: `M${x},${top} l${slant},${-slant} h${width} l${-slant},${slant} z` }),
    slant && svg("path", { class: "side", d: `M${x + width},${top} l${slant},${-slant} v${tall} l${-slant},${slant} z` }),
    svg("rect", { x, y: top, width, height: tall }), block.module && stripes(x, top, width, tall), words);
  return { node, width: width + slant, words: words ? 62 : 0 };
}

/** The four branches of an inception module. */
function stripes(x, top, width, tall) {
  return [1, 2, 3].map((part) => svg("line", { x1: x, x2: x + width, y1: top + tall * part / 4, y2: top + tall * part / 4 }));
}

function wordsOf(block, x) {
  const y = TALL * 1.4;
  const line = (text, down, name) => svg("text", { x, y: y + down, "text-anchor": "middle", class: name }, text);
  return [line(block.module ?? block.name, 14, "name"), line(block.shape.join("×"), 29, null), line(whatOf(block), 44, null)];
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
  return `${module ?? name}, ${module ? "inception module" : kind}: ${shape.join("×")}, ${short(weights)} parameters`;
}

/** Every layer in a table, which says what the drawing shows. */
export function layerTable({ layers }) {
  const head = ["Layer", "Keras", "Window", "Output", "Parameters"];
  const rows = layers.map(({ name, kind, window, stride, shape, parameters }) => [
    name, kind, window ? `${window}×${window}${stride ? `, stride ${stride}` : ""}` : "", shape.join("×"), short(parameters)]);
  return element("div", { class: "scroll" }, element("table", { class: "layer-table" },
    element("thead", {}, element("tr", {}, head.map((text) => element("th", { scope: "col" }, text)))),
    element("tbody", {}, rows.map(([name, ...rest]) => element("tr", {},
      element("th", { scope: "row" }, name), rest.map((text) => element("td", {}, text)))))));
}
