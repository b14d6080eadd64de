// A slider and a number for each parameter of a formula: gaussian:sigma=2,size=13.

import { element, fill } from "./dom.js";
import { typed } from "./numbers.js";

const STEPS = 1000;

/** {name, values} of a formula's text. */
export function formulaOf(text) {
  const [, name, list] = text.trim().match(/^([^:]*):?(.*)$/s);
  const pairs = list.split(",").filter(Boolean).map((each) => each.split("=").map((part) => part.trim()));
  return { name, values: Object.fromEntries(pairs.map(([key, value]) => [key, Number(value)])) };
}

/** The text of a formula; what is null is worked out. */
export function formulaText(name, values) {
  const said = Object.entries(values).filter(([, value]) => value !== null && value !== undefined);
  return said.length ? `${name}:${said.map(([key, value]) => `${key}=${value}`).join(",")}` : name;
}

/** `onchange(text)` gets the formula with what was moved. */
export class FormulaSliders {
  constructor(onchange) {
    this.onchange = onchange;
    this.element = element("div", { class: "stack sliders", hidden: true });
  }

  /** formula: {name, parameters} of the catalogue, or null; text: the filter's. */
  show(formula, text) {
    this.element.hidden = !formula;
    if (!formula) return;
    this.values = formulaOf(text).values;
    if (this.name !== formula.name) this.build(formula);
    this.name = formula.name;
    for (const row of this.rows) this.put(row);
  }

  build({ name, parameters }) {
    this.rows = parameters.map((parameter) => this.row(parameter, name));
    fill(this.element, this.rows.map(({ element: each }) => each));
  }

  row(parameter, name) {
    const scale = scaleOf(parameter);
    const change = (value) => this.onchange(formulaText(name, { ...this.values, [parameter.name]: value }));
    const slider = element("input", {
      type: "range", min: 0, max: STEPS, step: 1, "aria-label": parameter.name,
      oninput: () => change(scale.value(Number(slider.value))),
    });
    const number = element("input", {
      type: "text", inputmode: "decimal", class: "number", autocomplete: "off",
      "aria-label": `${parameter.name}, as a number`, placeholder: "auto",
      oninput: () => this.type(number, parameter, change),
    });
    const unit = parameter.unit && ` (${parameter.unit})`;
    const title = element("span", { class: "name" }, parameter.name, unit);
    const made = element("div", { class: "slider" }, title, slider, number);
    return { parameter, scale, slider, number, element: made };
  }

  type(number, parameter, change) {
    const value = typed(number.value);
    const wrong = value === null && number.value.trim() !== "";
    number.setAttribute("aria-invalid", wrong);
    if (!wrong) change(value);
  }

  put({ parameter, scale, slider, number }) {
    const value = this.values[parameter.name] ?? parameter.default;
    if (value !== null && document.activeElement !== slider) slider.value = scale.place(value);
    slider.setAttribute("aria-valuetext", value === null ? "worked out" : `${value} ${parameter.unit ?? ""}`);
    slider.classList.toggle("auto", value === null);
    if (document.activeElement !== number) number.value = value ?? "";
  }
}

/** A slider's places and values: in equal ratios where a parameter spans magnitudes, else in equal steps. */
function scaleOf({ least, most, whole }) {
  const last = Math.min(most, whole ? 63 : 100);
  const top = least < 0 ? most : last;
  const ratio = least > 0 && top / least > 20;
  const raw = (share) => (ratio ? least * (top / least) ** share : least + share * (top - least));
  const place = (value) => (ratio ? Math.log(value / least) / Math.log(top / least)
    : (value - least) / (top - least));
  const round = (value) => (whole || top - least > 300 ? Math.round(value) : Number(value.toPrecision(3)));
  return {
    value: (position) => Math.min(Math.max(round(raw(position / STEPS)), least), top),
    place: (value) => Math.round(Math.min(Math.max(place(Math.max(value, least)), 0), 1) * STEPS),
  };
}
