// A neuron, to try: a weighted sum and an activation, drawn as one (figure 2) or apart (figure 10).

import { element, fill, label, svg } from "./dom.js";
import { short, typed } from "./numbers.js";

const FUNCTIONS = {
  linear: (value) => value,
  relu: (value) => Math.max(0, value),
  sigmoid: (value) => 1 / (1 + Math.exp(-value)),
  tanh: Math.tanh,
};
const START = { inputs: [1, 0.5, -1], weights: [2, -1, 0.5], bias: 0.25, activation: "relu" };

/** What an address says: "1,0.5,-1;2,-1,0.5;0.25;relu". */
export function neuronOf(text) {
  const [inputs, weights, bias, activation] = (text ?? "").split(";");
  const numbers = (part) => (part ?? "").split(",").map(Number);
  const made = { inputs: numbers(inputs), weights: numbers(weights), bias: Number(bias), activation };
  const fits = [made.inputs, made.weights].every((part) => part.length === 3 && part.every(Number.isFinite));
  return fits && Number.isFinite(made.bias) && activation in FUNCTIONS ? made : START;
}

export function neuronText({ inputs, weights, bias, activation }) {
  return [inputs.join(","), weights.join(","), bias, activation].join(";");
}

/** {products, sum, value} of a neuron. */
export function fire({ inputs, weights, bias, activation }) {
  const products = inputs.map((input, at) => input * weights[at]);
  const sum = products.reduce((total, product) => total + product, bias);
  return { products, sum, value: FUNCTIONS[activation](sum) };
}

/** The panel of figures 2 and 10. */
export class NeuronPanel {
  constructor(app, apart) {
    Object.assign(this, { app, apart });
    this.picture = element("div", { class: "neuron-picture" });
    this.line = element("p", { class: "said number", "aria-live": "polite" });
    this.fields = element("div", { class: "neuron-fields" });
    this.element = element("div", { class: "stack" }, this.line,
      element("div", { class: "neuron-panel" }, this.picture, this.fields));
  }

  show(state) {
    const text = neuronText(neuronOf(state.neuron));
    if (text === this.text) return;
    if (!this.fields.firstChild) this.build(neuronOf(state.neuron));
    this.text = text;
    this.neuron = neuronOf(state.neuron);
    fill(this.picture, neuronDrawing(this.neuron, this.apart));
    this.line.textContent = sentence(this.neuron);
  }

  build(neuron) {
    const number = (name, value, change) => label(name, element("input", {
      value, inputmode: "decimal", size: 5, oninput: ({ target }) => this.type(target, change),
    }));
    const pair = (key, name, at) => number(`${name} ${at + 1}`, neuron[key][at],
      (value) => ({ [key]: this.neuron[key].with(at, value) }));
    const choose = ({ target }) => this.go({ activation: target.value });
    const select = element("select", { onchange: choose }, Object.keys(FUNCTIONS).map((name) =>
      element("option", { value: name, selected: name === neuron.activation }, name)));
    fill(this.fields, [0, 1, 2].map((at) => [pair("inputs", "Input", at), pair("weights", "Weight", at)]),
      number("Bias", neuron.bias, (bias) => ({ bias })), label("Activation", select));
  }

  type(target, change) {
    const value = typed(target.value);
    target.setAttribute("aria-invalid", value === null);
    if (value !== null) this.go(change(value));
  }

  go(changes) {
    this.app.go({ neuron: neuronText({ ...this.neuron, ...changes }) }, { replace: true });
  }
}

function sentence(neuron) {
  const { sum, value } = fire(neuron);
  const terms = neuron.inputs.map((input, at) => `${bracketed(input)} · ${bracketed(neuron.weights[at])}`);
  return `${terms.join(" + ")} + ${bracketed(neuron.bias)} = ${short(sum, 6)}; `
    + `${neuron.activation}(${short(sum, 6)}) = ${short(value, 6)}`;
}

function bracketed(value) {
  return value < 0 ? `(${short(value)})` : short(value);
}

function word(x, y, text, name = null) {
  return svg("text", { x, y, "text-anchor": "middle", class: name }, text);
}

function wire(x1, y1, x2, y2) {
  return svg("line", { x1, y1, x2, y2, class: "wire" });
}

/** A word on a wire, with paper behind it. */
function onWire(x, y, text) {
  const width = 7.4 * text.length + 6;
  const paper = svg("rect", { x: x - width / 2, y: y - 9, width, height: 18, class: "paper" });
  return [paper, word(x, y + 4, text, "small")];
}

const MIDDLE = 100; // the height of sum and output; the inputs lie 60 apart

/** The drawing: joined, one circle; apart, the sum and then the activation with its curve. */
export function neuronDrawing(neuron, apart, bare = false) {
  const { products, sum, value } = fire(neuron);
  const heights = neuron.inputs.map((_, at) => MIDDLE + (at - 1) * 60);
  return svg("svg", { viewBox: "0 0 480 200", class: bare ? "drawing" : "neuron", role: "img",
    "aria-label": `A neuron with sum ${short(sum)} and output ${short(value)}` },
  heights.map((y) => wire(62, y, 206, MIDDLE)), wire(240, MIDDLE, 424, MIDDLE),
  heights.map((y, at) => [
    svg("circle", { cx: 40, cy: y, r: 22, class: "node" }), word(40, y + 5, short(neuron.inputs[at], 3)),
  ]),
  bare ? [] : heights.map((y, at) =>
    onWire(122, y + (MIDDLE - y) * 0.4, `× ${short(neuron.weights[at], 3)} = ${short(products[at], 3)}`)),
  apart ? halves(neuron, sum) : whole(neuron), word(450, MIDDLE + 6, short(value, 3), "result"));
}

function whole({ bias, activation }) {
  return [svg("circle", { cx: 262, cy: MIDDLE, r: 58, class: "node sum" }), word(262, 88, "Σ", "big"),
    word(262, 112, `+ ${short(bias, 3)}`), word(262, 136, activation, "small")];
}

function halves({ bias, activation }, sum) {
  return [svg("circle", { cx: 240, cy: MIDDLE, r: 36, class: "node sum" }), word(240, 95, "Σ", "big"),
    word(240, 118, short(sum, 3)), word(240, 158, `bias ${short(bias, 3)}`, "small"),
    curve(320, 58, activation, sum)];
}

/** A function from −4 to 4 in a box, with a dot where the sum is. */
function curve(left, top, name, at) {
  const side = 84;
  const x = (value) => left + side * (Math.max(-4, Math.min(4, value)) + 4) / 8;
  const y = (value) => top + side * (1 - (Math.max(-2, Math.min(2, value)) + 2) / 4);
  const steps = Array.from({ length: 81 }, (_, index) => index / 10 - 4)
    .filter((value) => Math.abs(FUNCTIONS[name](value)) <= 2);
  const points = steps.map((value) => `${x(value)},${y(FUNCTIONS[name](value))}`).join(" ");
  return svg("g", {}, svg("rect", { x: left, y: top, width: side, height: side, rx: 6, class: "node" }),
    svg("line", { x1: left, x2: left + side, y1: y(0), y2: y(0), class: "axis" }),
    svg("line", { x1: x(0), x2: x(0), y1: top, y2: top + side, class: "axis" }),
    svg("polyline", { points, class: "function" }),
    svg("circle", { cx: x(at), cy: y(FUNCTIONS[name](at)), r: 5, class: "dot" }),
    svg("text", { x: left + side / 2, y: top + side + 18, "text-anchor": "middle", class: "small" }, name));
}
