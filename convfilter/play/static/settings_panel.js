// How kernels become layers, and how results become pixels: the options of `convfilter apply`.

import { element, fill, label } from "./dom.js";
import { typed } from "./numbers.js";

// Where a word isn't said, the kernel says it: `own` is where the engine's description has it.
const WORDS = [
  ["range", "Range", "how results become pixels"],
  ["color", "Colour", "what is filtered of a picture in colour"],
  ["border", "Border", "what stands outside the picture"],
  ["activation", "Activation", "done to each result"],
  ["combine", "Combine", "how a bank's results become one"],
  ["pool_mode", "Pool takes", "of the pixels in its window"],
  ["values", "Values", "pixels as stored, or from 0 to 1"],
  ["data_format", "Axes", "their order inside the network"],
];
const SIZES = [
  ["pad", "Padding", "same, valid, cover, 1 or 1, 2", /^(same|valid|cover|\d+(\s*[,×x ]\s*\d+)?)?$/],
  ["strides", "Strides", "1, or rows, columns", /^(\d+(\s*[,×x ]\s*\d+)?)?$/],
  ["dilation", "Dilation", "1, or rows, columns", /^(\d+(\s*[,×x ]\s*\d+)?)?$/],
  ["pool", "Pool", "none, 2, or rows, columns", /^(none|\d+(\s*[,×x ]\s*\d+)?)?$/],
];
const DEFAULTS = { pad: "same", strides: "1", dilation: "1", pool: "none" };
const ORDER = ["range", "color", "border", "pad", "strides", "dilation", "activation", "bias", "combine",
  "pool", "pool_mode", "values", "data_format"];

/** `onchange({name: text})` gets what was set, null for what was taken back. */
export class SettingsPanel {
  constructor(onchange) {
    this.onchange = onchange;
    this.controls = new Map([
      ...WORDS.map((each) => [each[0], this.words(...each)]),
      ...SIZES.map((each) => [each[0], this.sizes(...each)]),
      ["bias", this.bias()],
    ]);
    const linear = (event) => this.set("linear", event.target.checked ? "true" : null);
    this.linear = element("input", { type: "checkbox", name: "linear", onchange: linear });
    this.reset = element("button", { type: "button", class: "quiet", onclick: () => this.clear() },
      "Take all back");
    const fields = ORDER.map((name) => this.controls.get(name).element);
    this.element = element("div", { class: "stack settings" }, element("div", { class: "fields" }, fields),
      element("label", { class: "row check" }, this.linear, "Compute in linear light"), this.reset);
  }

  words(name, title, hint) {
    const onchange = (event) => this.set(name, event.target.value || null);
    const input = element("select", { name, title: hint, onchange });
    return { input, element: label(title, input) };
  }

  sizes(name, title, hint, pattern) {
    const list = name === "pad" ? element("datalist", { id: "paddings" },
      ["same", "valid", "cover"].map((value) => element("option", { value }))) : null;
    const input = element("input", {
      type: "text", name, title: hint, placeholder: DEFAULTS[name],
      list: list && "paddings", autocomplete: "off",
      oninput: () => {
        const text = input.value.trim();
        input.setAttribute("aria-invalid", !pattern.test(text));
        if (pattern.test(text)) this.set(name, pair(text === DEFAULTS[name] ? "" : text));
      },
    });
    return { input, element: element("div", {}, label(title, input), list) };
  }

  bias() {
    const input = element("input", {
      type: "text", name: "bias", title: "Added to each result in place of the kernel's own; 1 is white",
        inputmode: "text",
      placeholder: "the kernel's", autocomplete: "off",
      oninput: () => {
        const value = typed(input.value);
        const wrong = value === null && input.value.trim() !== "";
        input.setAttribute("aria-invalid", wrong);
        if (!wrong) this.set("bias", value === null ? null : String(value));
      },
    });
    return { input, element: label("Bias of all", input) };
  }

  set(name, value) {
    this.onchange({ [name]: value });
  }

  clear() {
    this.onchange(Object.fromEntries([...this.controls.keys(), "linear"].map((name) => [name, null])));
  }

  /** words: the words that each may be; state: what is said; own: what holds where nothing is said. */
  show(words, state, own) {
    for (const [name] of WORDS) this.choose(name, words[name] ?? [], state[name] ?? "", own[name]);
    for (const [name] of SIZES) put(this.controls.get(name).input, state[name] ?? "");
    put(this.controls.get("bias").input, state.bias ?? "");
    this.controls.get("pool_mode").element.hidden = !state.pool;
    this.linear.checked = state.linear === "true";
    this.reset.hidden = ![...this.controls.keys(), "linear"].some((name) => state[name]);
  }

  choose(name, words, chosen, own) {
    const { input } = this.controls.get(name);
    const first = own ? `${own} (default)` : "default";
    const key = [first, ...words].join();
    if (input.dataset.words !== key) {
      fill(input, element("option", { value: "" }, first),
        words.map((value) => element("option", { value }, value)));
      input.dataset.words = key;
    }
    input.value = chosen;
  }
}

/** "2 × 3" and "2 3" as the address holds them: "2,3". */
function pair(text) {
  return text.replace(/\s*[,×x ]\s*(?=\d)/, ",") || null;
}

function put(input, value) {
  if (document.activeElement !== input) input.value = value;
}
