// Network: draw a digit and see what a trained network makes of it, layer by layer.

import { element, fill, latest } from "./dom.js";
import { bars, curves, gray, percent, pixels, signedColour } from "./charts.js";
import { Confusion } from "./confusion.js";
import { Drawing, strokesOf, strokesText } from "./drawing.js";
import { short } from "./numbers.js";
import { format } from "./state.js";

/** The address: drawing (its strokes), truth and taken (an open cell of the confusion matrix). */
class NetworkView {
  constructor(app) {
    this.app = app;
    this.drawing = new Drawing((strokes, finished) => this.drawn(strokes, finished));
    this.next = latest(() => app.attempt(() => this.predict()));
    this.asked = 0;
    this.title = element("h2", {}, "Network");
    this.facts = element("p", { class: "soft" });
    this.verdict = element("p", { class: "verdict", role: "status" }, "Draw something.");
    this.bars = element("ol", { class: "bars", "aria-label": "Predictions" });
    this.prepared = element("div", { class: "prepared" });
    this.maps = element("div", { class: "stack" });
    this.kernels = element("div", { class: "stack" });
    this.curves = element("div", { class: "charts" });
    this.confusion = new Confusion(app);
    this.element = element("div", { class: "stack network-view" }, this.title, this.facts, this.desk());
    this.element.append(this.section("What every layer makes of it", this.maps),
      this.section("Learned kernels", this.kernels), this.section("How it learned", this.curves),
      this.section("What it takes for what", this.confusion.element));
  }

  desk() {
    const clear = element("button", { onclick: () => this.app.go({ drawing: null }) }, "Clear");
    const help = "With a finger, a pen or the mouse; or arrow keys, which move the pen, and the space bar, "
      + "which puts it down and lifts it.";
    return element("div", { class: "desk" },
      element("div", { class: "stack" }, this.drawing.element, element("div", { class: "row" }, clear),
        element("p", { class: "soft", id: "board-help" }, help)),
      element("div", { class: "stack" }, this.verdict, this.bars),
      element("figure", { class: "stack" }, element("figcaption", { class: "soft" },
        "What the network is given: 28 × 28, centred by mass"), this.prepared));
  }

  section(title, ...children) {
    return element("section", { class: "stack" }, element("h2", {}, title), children);
  }

  async show() {
    this.known ??= this.app.engine.network();
    const known = await this.app.attempt(() => this.known);
    if (!known) return void (this.known = null);
    if (!this.built) this.build(known);
    const { drawing } = this.app.state;
    if (drawing !== this.text) {
      this.text = drawing;
      this.drawing.show(strokesOf(drawing));
      this.ask();
    }
    if (known.confusion) await this.confusion.show(this.app.state);
  }

  build(known) {
    this.built = known;
    this.title.textContent = known.name;
    const { test: tested } = known;
    const test = tested && `${percent(tested.accuracy, 2)} right of ${short(tested.count)} test pictures`;
    this.facts.textContent = [`${short(known.parameters)} parameters`, `${known.layers.length} layers`, test]
      .filter(Boolean).join(" · ");
    this.empty();
    const readable = known.kernels.filter(({ files }) => files.length); // not all layers can be kernel files
    fill(this.kernels, element("p", { class: "soft" },
      "Blue is below 0, red above. Each opens in Filter, on the photograph."),
    readable.map((group) => this.kernelGroup(group)));
    this.kernels.closest("section").hidden = !readable.length;
    fill(this.curves, known.curves && chartsOf(known.curves));
    this.curves.closest("section").hidden = !known.curves;
    this.confusion.element.closest("section").hidden = !known.confusion;
    if (known.confusion) this.confusion.build(known);
  }

  /** As it is drawn the predictions follow; the address does when the pen is lifted. */
  drawn(strokes, finished) {
    if (!finished) return void this.ask();
    this.text = strokesText(strokes);
    this.app.go({ drawing: this.text });
    this.ask();
  }

  /** Asks for the drawing as it is, once what is being computed has come back. */
  ask() {
    this.asked += 1;
    this.bars.setAttribute("aria-busy", "true");
    this.next();
  }

  async predict() {
    const { asked } = this;
    try {
      this.answered(await this.app.engine.digit(this.drawing.pixels()));
    } finally {
      if (asked === this.asked) this.bars.setAttribute("aria-busy", "false");
    }
  }

  answered(answer) {
    if (answer.empty) return this.empty();
    const { predictions, prepared, layers } = answer;
    const best = predictions.reduce((most, one) => (one.probability > most.probability ? one : most));
    this.verdict.textContent = `${best.class}, ${percent(best.probability)}`;
    bars(this.bars, predictions, this.built.classes);
    fill(this.prepared, pixels(prepared, gray, { role: "img", "aria-label": "What the network is given" }));
    fill(this.maps, layers.map(mapsOf));
    this.maps.closest("section").hidden = false;
  }

  empty() {
    this.verdict.textContent = "Draw something.";
    bars(this.bars, null, this.built.classes);
    fill(this.prepared, pixels([[0]], gray, { role: "img", "aria-label": "Nothing is drawn yet" }));
    this.maps.closest("section").hidden = true;
  }

  kernelGroup({ layer, files }) {
    const kernels = files.map((text) => ({ text, rows: rowsOf(JSON.parse(text).weights) }));
    const largest = Math.max(...kernels.flatMap(({ rows }) => rows.flat().map(Math.abs)));
    const links = kernels.map((kernel, at) => this.kernel(kernel, `${layer}, kernel ${at + 1}`, largest));
    return element("div", { class: "stack" },
      element("h3", {}, layer), element("div", { class: "kernels" }, links));
  }

  kernel({ text, rows }, name, largest) {
    const words = `${name}: ${rows.map((row) => row.map((value) => short(value, 2)).join(" ")).join("; ")}`;
    const { picture } = this.app.state;
    const address = format({ view: "filter", filter: [text], picture });
    return element("a", { href: address, title: words, "aria-label": name },
      pixels(rows, signedColour(largest), { "aria-hidden": "true" }));
  }
}

/** The first input's weights of a kernel file's, which are rows or (kh, kw, in, out). */
function rowsOf(weights) {
  return weights.map((row) => row.map((cell) => [cell].flat(Infinity)[0]));
}

function chartsOf({ epochs, ...series }) {
  const kinds = { Loss: /loss$/, Accuracy: /acc(uracy)?$/ };
  return Object.entries(kinds).map(([title, pattern]) => {
    const lines = Object.entries(series).filter(([name]) => pattern.test(name)).map(([name, values]) => (
      { name: /^val/.test(name) ? "validation" : "training", values, dashed: /^val/.test(name) }));
    return lines.length > 0 && curves(title, epochs, lines);
  });
}

function mapsOf({ name, shape, low, high, channels }) {
  const flat = shape.length === 1 || (shape[0] === 1 && shape.length === 3);
  return element("figure", { class: "stack feature-maps" }, element("figcaption", { class: "row" },
    element("h3", {}, name),
    element("span", { class: "soft number" }, `${shape.join(" × ")}, ${short(low, 3)} to ${short(high, 3)}`)),
  element("div", { class: flat ? "pictures flat" : "pictures" }, channels.map((source, at) =>
    element("img", { class: "pixelated", src: source, alt: `${name}, channel ${at + 1}` }))));
}

export const view = {
  id: "network", title: "Network", needs: "network", create: (app) => new NetworkView(app),
};
