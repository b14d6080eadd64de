// Figures: an index of the article's 24, and panels for those that are no view of their own.

import { element, fill } from "./dom.js";
import { architecture, layerTable } from "./architecture.js";
import { drawingOf } from "./figure_drawings.js";
import { FIGURES } from "./figures.js";
import { NeuronPanel } from "./neuron.js";
import { short } from "./numbers.js";
import { ShiftPanel } from "./shift.js";
import { format } from "./state.js";
import { STRUCTURES } from "./structures.js";
import { TensorPanel } from "./tensors.js";

const TITLES = { filter: "Filter", pixel: "Pixel", window: "Window", layers: "Layers", figures: "Figures" };
const PANELS = {
  2: (app) => new NeuronPanel(app, false), 10: (app) => new NeuronPanel(app, true),
  14: (app) => new ShiftPanel(app),
  6: structure("lenet5"), 7: structure("alexnet"), 8: structure("zfnet"), 9: structure("vgg16"),
  18: structure("googlenet"), 19: tensors(19), 20: tensors(20), 21: tensors(21), 22: tensors(22),
};

function tensors(number) {
  return (app) => new TensorPanel(app, number);
}

/** A panel that draws a network and lists its layers. */
function structure(name) {
  const { title, parameters, layers } = STRUCTURES[name];
  const facts = `${title}: ${short(parameters)} parameters, ${layers.length - 1} layers in Keras. `
    + "A block is as tall as its maps are large, and as wide as there are many.";
  return () => ({
    element: element("div", { class: "stack" }, element("p", { class: "soft" }, facts),
      element("div", { class: "wide card", tabindex: 0, role: "region", "aria-label": `${title}, drawn` },
        architecture(STRUCTURES[name])),
      element("details", { open: layers.length < 30 }, element("summary", {}, "Every layer"),
        layerTable(STRUCTURES[name]))),
    show() {},
  });
}

/** The address: figure, the number of an open panel. */
class FiguresView {
  constructor(app) {
    this.app = app;
    this.panels = new Map();
    this.element = element("div", { class: "figures-view stack" });
  }

  show() {
    const number = Number(this.app.state.figure);
    if (number in PANELS) this.open(number);
    else this.index();
  }

  /** The address of a figure: nothing of the present settings, but the picture. */
  address(state) {
    return format({ ...state, filter: state.filter ?? [], picture: this.app.state.picture });
  }

  index() {
    const { picture } = this.app.state;
    const before = this.shown;
    if (before === `index ${picture}`) return;
    this.shown = `index ${picture}`;
    const lead = "Twenty-four pictures of how a convolution works, each set up so that it can be touched.";
    const head = element("header", { class: "stack" },
      element("h2", {}, "Figures"), element("p", { class: "lead" }, lead));
    fill(this.element, head, element("ol", { class: "cards" }, FIGURES.map((figure) => this.card(figure))));
    this.element.querySelector(`[data-figure="${before}"]`)?.focus();
  }

  card({ number, title, text, drawing, state }) {
    const where = state.view === "figures" ? "Open" : `Open in ${TITLES[state.view]}`;
    const link = element("a", { href: this.address(state), class: "whole", "data-figure": number,
      "aria-label": `${where}: figure ${number}, ${title}` }, where);
    const picture = element("div", { class: "picture" },
      drawingOf(drawing, this.app.engine, this.app.state.picture));
    const heading = element("h3", {}, element("span", { class: "soft" }, `${number} `), title);
    return element("li", { class: "card figure-card" }, picture,
      element("div", { class: "stack words" }, heading, element("p", {}, text), link));
  }

  open(number) {
    if (this.shown !== number) this.build(number);
    this.panels.get(number).show(this.app.state);
  }

  build(number) {
    this.shown = number;
    const { title, text } = FIGURES[number - 1];
    if (!this.panels.has(number)) this.panels.set(number, PANELS[number](this.app));
    const heading = element("h2", { tabindex: -1 },
      element("span", { class: "soft" }, `Figure ${number} `), title);
    fill(this.element, element("nav", { class: "row between", "aria-label": "Figures" },
      element("a", { href: this.address({ view: "figures" }) }, "All figures"),
      this.beside(number - 1, "Previous"), this.beside(number + 1, "Next")),
    heading, element("p", { class: "lead" }, text), this.panels.get(number).element);
    heading.focus({ preventScroll: true });
    scrollTo(0, 0);
  }

  /** A link to the figure before or after. */
  beside(number, word) {
    const figure = FIGURES[number - 1];
    const text = figure && `${word}: ${number}, ${figure.title}`;
    return figure && element("a", { href: this.address(figure.state) }, text);
  }
}

export const view = { id: "figures", title: "Figures", create: (app) => new FiguresView(app) };
