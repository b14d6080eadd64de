// The arithmetic behind one pixel of the result, and step by step back through the layers to the picture.

import { element, fill, label, latest } from "./dom.js";
import { size } from "./numbers.js";
import { sentence, stepsOf } from "./pixel_steps.js";
import { PictureViewer } from "./picture_viewer.js";
import { boxOf, placed, under } from "./placement.js";
import { ShownWork } from "./shown_work.js";

const WHITE = { uint8: 255, uint16: 65535 };
const PLANES = ["red", "green", "blue"];

export const view = { id: "pixel", title: "Pixel", needs: null, create: (app) => new PixelView(app) };

class PixelView {
  constructor(app) {
    this.app = app;
    this.shown = new ShownWork(app.engine);
    this.parts();
    this.element = this.layout();
    this.follow = latest(() => this.refresh());
  }

  parts() {
    const linked = (other) => (words) => {
      this[other].view = words;
      this.app.go(words, { replace: true });
    };
    this.input = new PictureViewer({ name: "Picture", caption: "picture", onview: linked("output"),
      onstep: (dx, dy) => this.step(dx, dy) });
    this.output = new PictureViewer({
      name: "Result", caption: "result", picks: true,
      onview: linked("input"), onstep: (dx, dy) => this.step(dx, dy),
      onpoint: (x, y, held) => this.point(x, y, held),
    });
    this.output.element.classList.add("picks");
    const onchange = () => this.place();
    const place = (name) => element("input", { type: "number", min: 0, step: 1, name, onchange });
    Object.assign(this, { column: place("column"), line: place("row") });
    const choice = (name) => element("select", { name,
      onchange: (event) => this.app.go({ [name]: event.target.value }) });
    Object.assign(this, { channel: choice("channel"), plane: choice("plane") });
  }

  layout() {
    this.layers = element("div", { class: "row layers", role: "group", "aria-label": "Layer" });
    this.trail = element("p", { class: "row trail" });
    this.sum = element("p", { class: "sentence number", "aria-live": "polite" });
    this.refusal = element("p", { class: "refusal", role: "alert", hidden: true });
    this.steps = element("div", { class: "stack steps" });
    const fields = element("div", { class: "row places" }, label("Column", this.column),
      label("Row", this.line),
      this.channelField = label("Filter", this.channel), this.planeField = label("Colour", this.plane),
      element("p", { class: "soft" }, "Point at the result, or use the arrow keys (with Shift, by ten)."));
    return element("div", { class: "pixel-view stack" }, this.layers, this.trail,
      element("div", { class: "pair" }, this.output.element, this.input.element), fields,
      this.refusal, element("h2", {}, "How it is computed"), this.sum, this.steps);
  }

  /** Where the address says that the pixel is: layer as number, the rest kept inside that layer. */
  get at() {
    const { state } = this.app;
    const last = this.described.layers.length - 1;
    const layer = state.layer === undefined ? last : Math.min(Math.max(Number(state.layer) || 0, 0), last);
    const [height, width, channels] = this.described.layers[layer].shape;
    const whole = (text) => Math.round(Number(text)) || 0;
    const inside = (text, length, usual) => Math.min(Math.max(whole(text ?? usual), 0), length - 1);
    return {
      layer, last, shape: [height, width], channels,
      x: inside(state.x, width, width / 2), y: inside(state.y, height, height / 2),
      channel: inside(state.channel, channels, 0), plane: inside(state.plane, this.planes, 0),
    };
  }

  /** How many colours of the picture are filtered each by itself. */
  get planes() {
    return this.described.color === "each" && this.picture.channels > 2 ? 3 : 1;
  }

  show() {
    const words = { zoom: this.app.state.zoom ?? null, at: this.app.state.at ?? null };
    for (const viewer of [this.input, this.output]) {
      const { zoom, at } = viewer.port.words;
      if (zoom !== words.zoom || at !== words.at) viewer.view = words;
    }
    this.follow();
  }

  async refresh() {
    try {
      await this.describe();
      await this.draw();
      await this.explain();
      this.refusal.hidden = true;
    } catch (error) {
      this.refusal.hidden = false;
      fill(this.refusal, error.message);
    }
  }

  async describe() {
    const { engine, state, work } = this.app;
    this.picture = await engine.picture(state.picture);
    const { work: asked, described } = await this.shown.of(work, [this.picture.height, this.picture.width]);
    Object.assign(this, { work: asked, described });
    this.controls();
  }

  /** The picture, and the layer's values on it, unless they are shown. */
  async draw() {
    const { layer, channel, plane, shape } = this.at;
    const frame = [this.picture.width, this.picture.height];
    const wanted = JSON.stringify([this.work, this.app.state.picture, layer, channel, plane]);
    if (wanted !== this.drawn) {
      const bitmap = await this.bitmap(layer, channel + plane * this.at.channels);
      this.layer = placed(bitmap, frame, shape, this.described.layers[layer].stride);
      this.input.show(frame, { before: placed(this.picture.bitmap, frame) }, this.picture.name);
      this.output.show(frame, { after: this.layer }, this.described.layers[layer].label);
      this.drawn = wanted;
    }
    this.mark();
  }

  /** A layer's picture, `index` counting its channels plane after plane; the last one's is the result. */
  async bitmap(layer, index) {
    const { engine, state } = this.app;
    const { last, channel } = this.at;
    if (layer === last) return (await engine.apply(this.work, state.picture, channel)).bitmap;
    const key = JSON.stringify([this.work, state.picture]);
    if (key !== this.listed) this.all = (await engine.layers(this.work, state.picture)).layers;
    this.listed = key;
    const image = new Image();
    const { channels } = this.all[layer + 1];
    image.src = channels[Math.min(index, channels.length - 1)];
    await image.decode();
    return createImageBitmap(image);
  }

  mark(field = null) {
    const { x, y } = this.at;
    const pixel = boxOf(this.layer, x, y, "pixel");
    this.output.mark([pixel]);
    if (field) this.input.mark([{ ...field, kind: this.below(this.at.layer) < 0 ? "window" : "field" }]);
    this.output.port.reveal((pixel.left + pixel.right) / 2, (pixel.top + pixel.bottom) / 2);
    this.input.view = this.output.port.words;
    this.output.draw();
  }

  async explain() {
    const { x, y, layer, last, channel, plane } = this.at;
    const asked = { x, y, layer: layer === last ? null : layer, channel, plane };
    const key = JSON.stringify([this.work, this.app.state.picture, asked]);
    if (key === this.explained) return;
    const explanation = await this.app.engine.explain(this.work, this.app.state.picture, asked);
    this.explained = key;
    this.mark(explanation.field);
    fill(this.sum, sentence(explanation));
    const window = explanation.steps.find((step) => step.windows);
    const below = window ? this.below(window.layer) : -1;
    const back = (column, row, to) => (below < 0 ? null : this.backTo(below, column, row, to));
    const gray = below < 0 && this.described.color !== "luma" ? this.white : null;
    this.keep(() => fill(this.steps, this.backButton(window, below),
      stepsOf(explanation, { back, gray, onPicture: below < 0 })));
  }

  /** Replaces parts; what had the focus has it again if it is still there. */
  keep(replace) {
    const { row, column } = this.steps.contains(document.activeElement) ? document.activeElement.dataset : {};
    const had = this.steps.contains(document.activeElement);
    replace();
    const again = row === undefined ? ".back" : `a[data-row="${row}"][data-column="${column}"]`;
    if (had) (this.steps.querySelector(again) ?? this.output.canvas).focus({ preventScroll: true });
  }

  /** The number of white as it enters the network. */
  get white() {
    return this.app.work.values === "unit" || this.described.values === "unit" ? 1
      : WHITE[this.picture.dtype] ?? 1;
  }

  /** The layer that a layer's window lies on, paddings passed through; −1 is the picture. */
  below(layer) {
    let found = layer - 1;
    while (found >= 0 && this.described.layers[found].kind === "pad") found -= 1;
    const window = (kind) => kind === "conv" || kind === "pool";
    return window(this.described.layers[layer].kind) || found < 0 ? found : this.below(found);
  }

  backTo(layer, x, y, channel) {
    const at = this.at;
    const here = [at.layer === at.last ? "" : at.layer, at.x, at.y, at.channel].join(".");
    const trail = [this.app.state.trail, here].filter(Boolean).join("~");
    return this.app.address({ layer, x, y, channel, trail });
  }

  backButton(step, below) {
    if (!step || below < 0) return null;
    const [window] = step.windows;
    const middle = (places) => places[Math.floor(places.length / 2)] ?? places.find(Number.isInteger);
    return element("p", { class: "row" }, element("a", {
      class: "back", href: this.backTo(below, middle(window.columns), middle(window.rows), window.channel),
    }, `← Back to ${this.described.layers[below].label}`), element("span", { class: "soft" },
      "Every number of the window leads to the arithmetic behind it."));
  }

  /** Layers, the way here, and where the pixel is. */
  controls() {
    const { layer, last, x, y, shape, channels, channel, plane } = this.at;
    this.keepLayers(layer, last);
    const steps = (this.app.state.trail ?? "").split("~").filter(Boolean);
    this.trail.hidden = !steps.length;
    fill(this.trail, element("span", { class: "soft" }, "from"),
      steps.map((step, i) => this.crumb(step, steps.slice(0, i))));
    put(this.column, x, shape[1]);
    put(this.line, y, shape[0]);
    options(this.channel, [...Array(channels).keys()].map((i) => `${i + 1} of ${channels}`), channel);
    options(this.plane, PLANES, plane);
    this.channelField.hidden = channels < 2;
    this.planeField.hidden = this.planes < 2;
    fill(this.output.caption, layer === last ? "result" : this.described.layers[layer].label);
  }

  keepLayers(layer, last) {
    const key = JSON.stringify([this.described.layers, layer]);
    if (key === this.layersShown) return;
    this.layersShown = key;
    const held = this.layers.contains(document.activeElement);
    fill(this.layers, this.described.layers.map(({ label: name, shape }, i) => element("button", {
      type: "button", "aria-pressed": String(i === layer), title: size(shape),
      onclick: () => this.turn(i === last ? null : i),
    }, name)));
    if (held) this.layers.querySelector('[aria-pressed="true"]')?.focus();
  }

  /** Another layer, at the place that lies over the same part of the picture. */
  turn(layer) {
    const { layer: from, last, x, y } = this.at;
    const [a, b] = [this.described.layers[from].stride, this.described.layers[layer ?? last].stride];
    const [px, py] = [Math.floor((x + 0.5) * a[1] / b[1]), Math.floor((y + 0.5) * a[0] / b[0])];
    this.app.go({ layer, x: px, y: py, channel: null, trail: null });
  }

  crumb(step, before) {
    const [layer, x, y, channel] = step.split(".");
    const name = this.described.layers[layer === "" ? this.at.last : Number(layer)]?.label ?? "";
    const address = this.app.address({ layer: layer || null, x, y, channel, trail: before.join("~") });
    return element("a", { href: address }, `${name} (${x}, ${y})`);
  }

  place() {
    this.app.go({ x: this.column.value, y: this.line.value, trail: null }, { replace: true });
  }

  step(dx, dy) {
    if (!this.described) return;
    const { x, y, shape } = this.at;
    const inside = (value, length) => Math.min(Math.max(value, 0), length - 1);
    this.app.go({ x: inside(x + dx, shape[1]), y: inside(y + dy, shape[0]), trail: null }, { replace: true });
    this.mark();
  }

  point(px, py, held) {
    if (!held || !this.layer) return;
    const [x, y] = under(this.layer, this.at.shape, px, py);
    this.app.go({ x, y, trail: null }, { replace: true });
    this.mark();
  }
}

function put(input, value, length) {
  input.max = length - 1;
  if (document.activeElement !== input || Number(input.value) !== value) input.value = value;
}

function options(select, names, chosen) {
  const key = names.join();
  const option = (name, value) => element("option", { value }, name);
  if (select.dataset.names !== key) fill(select, names.map(option));
  select.dataset.names = key;
  select.value = String(chosen);
}
