// Window: the window walks over a small grid, and the output fills up number by number.

import { afterPause, element, fill } from "./dom.js";
import { Cells } from "./cells.js";
import { changed, gridOf, gridText } from "./grids.js";
import { short, size } from "./numbers.js";
import { seenBy, stepOf, walked } from "./steps.js";
import { StepView, sentenceOf } from "./step_view.js";
import { Walker, calm } from "./walker.js";
import { WindowControls } from "./window_controls.js";

/** The address: filter and its settings, grid, layer (as in Pixel), channel, step, play. */
class WindowView {
  constructor(app) {
    this.app = app;
    this.controls = new WindowControls(app);
    this.walker = new Walker((step, playing) => this.stepped(step, playing));
    this.write = afterPause(120, (rows) => this.app.go({ grid: gridText(rows) }, { replace: true }));
    this.input = new Cells("Input", (y, x, value) => this.type(y, x, value));
    this.output = new Cells("Output so far");
    this.output.table.addEventListener("click", ({ target }) => this.pick(target.closest("td")));
    this.middle = new StepView();
    this.titles = ["", "", ""].map(() => element("h3", {}));
    this.hint = element("p", { class: "soft" });
    this.line = element("p", { class: "said", "aria-live": "polite" });
    this.refusal = element("p", { class: "refusal", role: "alert", hidden: true });
    this.counts = element("dl", { class: "counts" });
    this.element = this.layOut();
    addEventListener("resize", () => this.element.isConnected && this.known && this.draw(this.walker.step));
  }

  layOut() {
    const [input, middle, output] = this.titles;
    this.stage = element("div", { class: "stage" },
      element("section", { class: "stack" }, input, this.input.element, this.hint),
      element("section", { class: "stack" }, middle, this.middle.element),
      element("section", { class: "stack" }, output, this.output.element));
    const counts = element("section", { class: "card stack", "aria-label": "Weights" },
      element("h3", {}, "How many weights does that take?"), this.counts,
      element("p", { class: "soft" }, "The same few weights are used at every step. Without that sharing ",
        "each output would have its own, for its window, or even for every number of the input."));
    return element("div", { class: "split window-view" },
      element("div", { class: "stack" }, element("h2", { class: "visually-hidden" }, "Window"),
        this.walker.element, this.line, this.refusal, this.stage, counts),
      this.controls.element);
  }

  async show() {
    this.state = this.app.state;
    this.grid = gridOf(this.state.grid);
    const asked = JSON.stringify([this.app.work, this.grid]);
    if (asked !== this.asked) await this.ask(asked);
    if (this.asked === asked && this.known) this.place();
  }

  async ask(asked) {
    this.asked = asked;
    try {
      const known = await this.app.engine.window(this.app.work, this.grid);
      if (this.asked === asked) this.known = known;
      this.refuse();
    } catch (error) {
      if (this.asked === asked) this.refuse(error.message);
    }
  }

  /** Says why there is nothing new to show; the settings stay, to be changed. */
  refuse(text = "") {
    this.refusal.textContent = text;
    this.refusal.hidden = !text;
    this.stage.classList.toggle("stale", Boolean(text));
    if (text && !this.known) this.controls.show(this.state, { "": "–" }, "", 1, 0);
  }

  /** Which layer, channel and step: those of the address, if there are such. */
  place() {
    const { layers } = this.known;
    const found = walked(layers);
    const wanted = this.state.layer === undefined ? NaN : Number(this.state.layer);
    this.index = (found.find(({ index }) => index === wanted) ?? found[0])?.index;
    if (this.index === undefined) return this.refuse("This filter only pads; choose one that has a window.");
    const values = layers[this.index + 1].values;
    this.channel = Math.min(Number(this.state.channel) || 0, values.length - 1);
    const names = Object.fromEntries(found.map(({ layer, index }) => [index, layer.label ?? layer.keras]));
    this.controls.show(this.state, names, this.index, values.length, this.channel);
    const shown = [this.asked, this.index, this.channel].join(" ");
    if (shown !== this.shown) this.walker.pause();
    this.shown = shown;
    const count = values[0].length * values[0][0].length;
    if (!this.walker.playing) this.walker.set(Number(this.state.step) || 0, count);
    this.title(layers[this.index + 1], values[0]);
    this.share();
    this.draw(this.walker.step);
    if (this.state.play && !calm()) this.walker.start();
  }

  title(layer, plane) {
    const [input, middle, output] = this.titles;
    const { planes, pad, first } = seenBy(this.known.layers, this.index);
    const padded = pad.top + pad.bottom + pad.left + pad.right > 0;
    const [height, width] = [planes[0].length, planes[0][0].length];
    const inner = size([height - pad.top - pad.bottom, width - pad.left - pad.right]);
    const outer = padded ? `, padded to ${size([height, width])}` : "";
    input.textContent = `${first ? "Input" : "What enters the layer"}, ${inner}${outer}`;
    middle.textContent = layer.label ?? layer.keras;
    output.textContent = `Output, ${size([plane.length, plane[0].length])}`;
    this.hint.textContent = [padded && `Dashed: padding, border ${pad.border}.`,
      first && "The numbers can be typed over."].filter(Boolean).join(" ");
  }

  /** How many weights the layer has, and would have without sharing. */
  share() {
    const convolutions = this.known.layers.filter(({ kind }) => kind === "conv");
    const layer = this.known.layers[this.index + 1];
    const found = this.known.weights[convolutions.indexOf(layer)];
    this.counts.closest("section").hidden = !found;
    if (!found) return;
    const rows = [
      ["dense", "every output from every input"], ["local", "every output from its own window"],
      ["shared", "one window for all"]];
    fill(this.counts, rows.map(([key, words]) => element("div", { class: "count" },
      element("dt", { class: "soft" }, words),
      element("dd", { class: "number", "data-count": key }, short(found[key])))));
  }

  draw(step) {
    const { layers } = this.known;
    const { planes, pad, first } = seenBy(layers, this.index);
    const now = stepOf(layers, this.index, this.channel, step);
    const plane = layers[this.index + 1].values[this.channel];
    const several = now.layer.kind === "pool" || now.layer.kind === "activation" ? this.channel : 0;
    const signed = planes[several].flat().some((value) => value < 0);
    this.input.show(planes[several], { pad, editable: first, tinted: signed });
    this.input.frame(now.rows, now.columns);
    const largest = Math.max(1e-9, ...plane.flat().map(Math.abs));
    const sofar = plane.map((row, y) => row.map((value, x) => (y * row.length + x <= step ? value : null)));
    this.output.show(sofar, { tinted: plane.flat().some((value) => value < 0), largest });
    this.output.frame([now.y], [now.x]);
    this.middle.show(now);
    this.line.setAttribute("aria-live", this.walker.playing ? "off" : "polite");
    this.line.textContent = `Step ${step + 1} of ${this.walker.count}. ${sentenceOf(now)}`;
  }

  /** The walker's step; the address follows when it rests. */
  stepped(step, playing) {
    this.draw(step);
    if (!playing) this.app.go({ step: step || null, play: null }, { replace: true });
  }

  /** A click on an output goes to its step; by keys the slider does. */
  pick(cell) {
    const step = this.output.cells.flat().indexOf(cell);
    if (step >= 0) this.walker.to(step);
  }

  type(y, x, value) {
    this.walker.pause();
    this.grid = changed(this.grid, y, x, value);
    this.write(this.grid);
  }
}

export const view = { id: "window", title: "Window", create: (app) => new WindowView(app) };
