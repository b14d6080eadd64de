// Every layer of a pipeline, one below the other: its pictures, shape, range, parameters and receptive field.

import { element, fill, latest } from "./dom.js";
import { short, size } from "./numbers.js";
import { ShownWork } from "./shown_work.js";

export const view = { id: "layers", title: "Layers", needs: null, create: (app) => new LayersView(app) };

class LayersView {
  constructor(app) {
    this.app = app;
    this.shown = new ShownWork(app.engine);
    this.refusal = element("p", { class: "refusal", role: "alert", hidden: true });
    this.head = element("div", { class: "stack" });
    this.list = element("ol", { class: "layer-list" });
    this.element = element("div", { class: "layers-view stack" }, this.head, this.refusal, this.list);
    this.follow = latest(() => this.refresh());
  }

  show() {
    this.follow();
  }

  async refresh() {
    const { engine, state, work } = this.app;
    const wanted = JSON.stringify([work, state.picture]);
    if (wanted === this.done) return;
    this.element.setAttribute("aria-busy", "true");
    try {
      await this.ask(engine, state, work);
      this.done = wanted;
      this.refusal.hidden = true;
    } catch (error) {
      this.refusal.hidden = false;
      fill(this.refusal, error.message);
    }
    this.element.removeAttribute("aria-busy");
  }

  async ask(engine, state, work) {
    const picture = await engine.picture(state.picture);
    const { work: asked, described } = await this.shown.of(work, [picture.height, picture.width]);
    const { layers } = await engine.layers(asked, state.picture);
    const total = layers.reduce((sum, { parameters }) => sum + parameters, 0);
    fill(this.head, element("h2", {}, described.name), element("p", { class: "soft" },
      `${layers.length - 1} layers with ${short(total)} parameters on ${picture.name}. `,
      "Blue is below zero, red above; where nothing is below zero, the largest value is white."));
    const planes = layers[0].channels.length / layers[0].shape[2];
    const facts = { described, planes, last: layers.length - 2 };
    fill(this.list, layers.map((layer, i) => this.layer(layer, i - 1, facts)));
  }

  /** One layer by its number, −1 for the picture; planes: how many colours go through each by itself. */
  layer(layer, number, facts) {
    const head = element("div", {}, element("h3", {}, layer.label),
      element("p", { class: "soft" }, [layer.keras, layer.what].filter(Boolean).join(": ")));
    const sharing = layer.kind === "conv" ? this.sharing(facts.described, number) : null;
    return element("li", { class: "card layer" },
      element("div", { class: "stack about-layer" }, head, this.table(layer), sharing),
      this.pictures(layer, number, facts));
  }

  table(layer) {
    const facts = {
      Shape: size(layer.shape), Range: `${short(layer.low)} to ${short(layer.high)}`,
      Parameters: short(layer.parameters), "Receptive field": size(layer.field), Stride: size(layer.stride),
    };
    return element("dl", { class: "layer-facts" }, Object.entries(facts).map(([name, value]) => (
      [element("dt", {}, name), element("dd", { class: "number" }, value)])));
  }

  /** How many weights it would have without sharing. */
  sharing({ layers, weights }, number) {
    const found = weights[layers.slice(0, number).filter(({ kind }) => kind === "conv").length];
    return found && element("p", { class: "soft" },
      `Weights: ${whole(found.shared)} shared by all windows; ${whole(found.local)} if each `
      + `window had its own; ${whole(found.dense)} if every value were joined to every other.`);
  }

  pictures(layer, number, facts) {
    const all = layer.shape[2] * facts.planes;
    const rest = all - layer.channels.length;
    return element("div", { class: "maps", "data-count": String(Math.min(layer.channels.length, 5)) },
      layer.channels.map((address, i) => this.picture(layer, number, facts, { address, i, all })),
      rest > 0 && element("p", { class: "soft" }, `and ${rest} more`));
  }

  /** A channel's picture, which leads to its pixels. */
  picture(layer, number, { last }, { address, i, all }) {
    const [height, width, channels] = layer.shape;
    const alt = layer.label + (all > 1 ? `, ${i + 1} of ${all}` : "");
    const image = element("img", { src: address, alt, width, height, class: width < 256 ? "pixelated" : "" });
    if (number < 0) return image;
    const at = { layer: number === last ? null : number, channel: i % channels, trail: null };
    const href = this.app.address({ view: "pixel", ...at, plane: Math.floor(i / channels) });
    return element("a", { href, title: "Point at its pixels" }, image);
  }
}

function whole(count) {
  return count.toLocaleString("en-US");
}
