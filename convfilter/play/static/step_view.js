// One step of the window as numbers: what is seen, the weights, their products, and the sum in words.

import { element, fill } from "./dom.js";
import { Cells } from "./cells.js";
import { short } from "./numbers.js";

const SHOWN = 4; // channels whose products are laid out; the rest are counted
const COMBINED = {
  magnitude: "Root of the sum of squares", max: "Largest", absmax: "Largest without its sign", sum: "Sum",
  mean: "Mean",
};
const SPELLED = 9; // products that the sentence says one by one

/** The middle of the Window view. */
export class StepView {
  constructor() {
    this.parts = element("div", { class: "stack" });
    this.total = element("p", { class: "total number" });
    this.element = element("div", { class: "stack step-view" }, this.parts, this.total);
  }

  show(step) {
    const { layer, windows, rows, columns } = step;
    const kind = [layer.kind, windows.length, rows.length, columns.length].join(" ");
    if (kind !== this.kind) this.build(step);
    this.kind = kind;
    step.windows.slice(0, SHOWN).forEach((window, at) => {
      const signed = window.values.flat().some((value) => value < 0);
      for (const [name, cells] of Object.entries(this.grids[at])) {
        cells.show(window[name], { tinted: name !== "values" || signed });
      }
      if (step.layer.kind === "pool" && step.layer.mode === "max") this.grids[at].values.outline(step.value);
    });
    this.total.textContent = totalOf(step);
  }

  build({ windows, layer }) {
    this.grids = windows.slice(0, SHOWN).map(({ weights }, at) => {
      const part = windows.length > 1 ? ` of channel ${at + 1}` : "";
      const values = new Cells(`Seen through the window${part}`);
      if (!weights) return { values };
      return { values, weights: new Cells(`Weights${part}`), products: new Cells(`Products${part}`) };
    });
    const rest = windows.length - SHOWN;
    fill(this.parts, this.grids.map((grids, at) => partOf(grids, windows.length > 1 ? at : null, layer)),
      rest > 0 && element("p", { class: "soft" }, `and ${rest} more channels`));
  }
}

function partOf({ values, weights, products }, channel, { kind }) {
  const caption = (title) => element("figcaption", { class: "soft" }, title);
  const figure = (title, cells) => element("figure", {}, caption(title), cells.element);
  const sign = (text) => element("span", { class: "sign", "aria-hidden": "true" }, text);
  const seen = channel === null ? "Seen" : `Seen, channel ${channel + 1}`;
  if (!weights) return element("div", { class: "terms" }, figure(kind === "pool" ? "Seen" : seen, values));
  return element("div", { class: "terms" }, figure(seen, values), sign("×"), figure("Weights", weights),
    sign("="), figure("Products", products));
}

/** "Sum 12 + bias 0.5 → relu → 12.5". */
function totalOf({ layer, sum, bias, value, before }) {
  if (layer.kind !== "conv") return `${howOf(layer)} = ${short(value, 6)}`;
  const parts = [`Sum ${short(sum, 6)}`];
  if (bias) parts.push(`${bias < 0 ? "−" : "+"} bias ${short(Math.abs(bias), 6)} = ${short(before, 6)}`);
  if (active(layer)) parts.push(`→ ${layer.activation} → ${short(value, 6)}`);
  return parts.join(" ");
}

function active({ activation }) {
  return activation && activation !== "linear";
}

function howOf({ kind, mode, how, combine, activation, function: named, label }) {
  if (kind === "pool") return mode === "average" ? "Mean" : "Largest";
  if (kind === "combine") {
    const word = how ?? combine;
    return COMBINED[word] ?? word ?? label;
  }
  return activation ?? named ?? label;
}

/** The step in one sentence, for those who don't see the grids and those who do. */
export function sentenceOf(step) {
  const place = `Output row ${step.y + 1}, column ${step.x + 1}: `;
  const values = step.windows.flatMap((window) => window.values.flat());
  if (step.layer.kind !== "conv") {
    const listed = values.length <= 12 ? ` of ${values.map((value) => short(value, 6)).join(", ")}` : "";
    return `${place}${lower(howOf(step.layer))}${listed} is ${short(step.value, 6)}.`;
  }
  return `${place}${spelled(step, values)}${after(step)}.`;
}

function lower(text) {
  return text[0].toLowerCase() + text.slice(1);
}

function spelled({ windows, sum }, values) {
  const weights = windows.flatMap((window) => window.weights.flat());
  const counted = values.map((value, at) => [value, weights[at]]).filter(([, weight]) => weight !== 0);
  if (counted.length > SPELLED) return `${values.length} products add up to ${short(sum, 6)}`;
  const terms = counted.map(([value, weight]) => `${bracketed(value)} · ${bracketed(weight)}`);
  return `${terms.join(" + ") || "0"} = ${short(sum, 6)}`;
}

function bracketed(value) {
  return value < 0 ? `(${short(value, 4)})` : short(value, 4);
}

function after({ bias, before, layer, value }) {
  const added = bias ? `, with the bias ${short(bias, 6)} it is ${short(before, 6)}` : "";
  return added + (active(layer) ? `; ${layer.activation} makes it ${short(value, 6)}` : "");
}
