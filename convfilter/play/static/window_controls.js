// The settings beside the walking window: filter, grid, padding, strides and so on, all kept in the address.

import { element, fill, label } from "./dom.js";
import { GRIDS, gridOf, gridText } from "./grids.js";
import { size } from "./numbers.js";

const FILTERS = [
  "sobel-x", "sobel-y", "sobel", "laplacian", "box-3", "binomial-3", "sharpen", "emboss", "identity",
  "gaussian:sigma=1", "log-5",
];
const PADDINGS = {
  same: "same size", valid: "none (valid)", cover: "cover all", 1: "1 around", 2: "2 around", 3: "3 around",
};
const BORDERS = {
  "": "the kernel's", zero: "zero", edge: "edge", reflect: "reflect", symmetric: "symmetric", wrap: "wrap",
};
const STRIDES = pairs("1,1", "2,2", "3,3", "2,3", "3,2");
const DILATIONS = pairs("1,1", "2,2", "3,3", "1,2", "2,1");
const POOLS = { "": "none", "2,2": "2 × 2", "3,3": "3 × 3", "1,2": "1 × 2" };
const MODES = { max: "the largest", average: "the mean" };
const PLAIN = { strides: "1,1", dilation: "1,1", pad: "same", pool_mode: "max" }; // left out of addresses

const WORDS = {
  pad: PADDINGS, border: BORDERS, strides: STRIDES, dilation: DILATIONS, pool: POOLS, pool_mode: MODES,
};

function pairs(...texts) {
  return Object.fromEntries(texts.map((text) => [text, size(text.split(",").map(Number))]));
}

/** The settings as a column of choices. */
export class WindowControls {
  constructor(app) {
    this.app = app;
    this.selects = {};
    this.element = element("aside", { class: "stack window-controls", "aria-label": "Settings" },
      this.choice("grid", "Grid"), this.choice("filter", "Filter"), this.choice("layer", "Layer"),
      this.choice("channel", "Channel"), element("div", { class: "twins" },
        this.choice("pad", "Padding"), this.choice("border", "Border"),
        this.choice("strides", "Strides"), this.choice("dilation", "Dilation"),
        this.choice("pool", "Pool after it"), this.choice("pool_mode", "It takes")));
  }

  choice(key, title) {
    const select = element("select", { onchange: () => this.choose(key, select.value) });
    this.selects[key] = select;
    return label(title, select);
  }

  choose(key, value) {
    const plain = PLAIN[key] === value ? null : value;
    const changes = { [key]: key === "filter" ? [value] : plain, step: null, play: null };
    if (["filter", "pool"].includes(key)) Object.assign(changes, { layer: null, channel: null });
    if (key === "layer") changes.channel = null;
    this.app.go(changes);
  }

  /** What the address says; layers: {index: label} of those to choose from, channels: how many. */
  show(state, layers, layer, channels, channel) {
    const custom = gridText(gridOf(state.grid));
    const grids = Object.fromEntries(Object.entries(GRIDS).map(([name, { title }]) => [name, title]));
    this.options("grid", custom in GRIDS ? grids : { ...grids, [custom]: "Typed in" }, custom);
    const named = Object.fromEntries(FILTERS.map((name) => [name, name]));
    const [filter] = state.filter;
    this.options("filter", { [filter]: state.filter.map(titleOf).join(" → "), ...named }, filter);
    this.options("layer", layers, layer);
    const numbered = [...Array(channels).keys()].map((at) => [at, at + 1]);
    this.options("channel", Object.fromEntries(numbered), channel);
    this.selects.channel.closest("label").hidden = channels < 2;
    for (const key of Object.keys(WORDS)) this.options(key, WORDS[key], state[key] ?? PLAIN[key] ?? "");
    const whole = state.filter.some((text) => /"layers"\s*:/.test(text)); // a pipeline says these itself
    for (const key of ["pad", "border", "strides", "dilation"]) this.selects[key].disabled = whole;
    this.selects.pool_mode.disabled = !state.pool;
  }

  options(key, words, chosen) {
    const known = String(chosen) in words ? words : { ...words, [chosen]: String(chosen) };
    fill(this.selects[key], Object.entries(known).map(([value, text]) => element("option", { value }, text)));
    this.selects[key].value = String(chosen);
  }
}

/** A filter's text as a title: the name that a document gives itself. */
export function titleOf(text) {
  const name = /"name"\s*:\s*"([^"]*)"/.exec(text);
  return /^\s*[{[]/.test(text) ? name?.[1] ?? "the kernel in the address" : text;
}
