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
    this.line = element("p", { class: "line number", "aria-live": "polite" });
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

/** The drawing: joined, one circle; apart, the sum and then the activation with its curve. */
export function neuronDrawing(neuron, apart, bare = false) {
  const { products, sum, value } = fire(neuron);
  const text = (x, y, words, name = null, anchor = "middle") =>
    svg("text", { x, y, "text-anchor": anchor, class: name }, words);
  const inputs = neuron.inputs.map((input, at) => {
    const y = 40 + at * 60;
    return svg("g", {}, svg("line", { x1: 62, y1: y, x2: 206, y2: 100, class: "wire" }),
      svg("circle", { cx: 40, cy: y, r: 22, class: "node" }), text(40, y + 5, short(input, 3)),
      !bare && text(118, y + (at - 1) * -23 + 4, `× ${short(neuron.weights[at], 3)} = ${short(products[at], 3)}`, "small edge"));
  });
  const body = apart
    ? [svg("circle", { cx: 240, cy: 100, r: 36, class: "node sum" }), text(240, 95, "Σ", "big"),
      text(240, 118, short(sum, 3)), svg("line", { x1: 276, y1: 100, x2: 320, y2: 100, class: "wire" }),
      curve(320, 58, neuron.activation, sum)]
    : [svg("circle", { cx: 262, cy: 100, r: 58, class: "node sum" }), text(262, 90, "Σ", "big"),
      text(262, 122, neuron.activation, "small"), svg("line", { x1: 320, y1: 100, x2: 404, y2: 100, class: "wire" })];
  return svg("svg", { viewBox: "0 0 480 200", class: bare ? "drawing" : "neuron", role: "img",
    "aria-label": `A neuron with sum ${short(sum)} and output ${short(value)}` }, inputs, body,
  svg("line", { x1: 404, y1: 100, x2: 424, y2: 100, class: "wire" }), text(450, 106, short(value, 3), "result"));
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
