// The address names everything that is shown: #view=filter&filter=sobel&border=edge. One state, one address.

/** Options of `convfilter apply` that an address may hold, under their names in the Python API. */
export const OPTIONS = [
  "pad", "border", "strides", "dilation", "activation", "bias", "combine", "pool", "pool_mode", "values",
  "data_format", "range", "color", "linear",
];

/** The state that an address names: every value is text, `filter` a list of texts. */
export function parse(hash) {
  const parameters = new URLSearchParams(hash.replace(/^#/, ""));
  const state = { filter: parameters.getAll("filter") };
  for (const [key, value] of parameters) if (key !== "filter") state[key] = value;
  return state;
}

/** The address of a state. Empty values are left out, so that what is not said is the default. */
export function format(state) {
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(state)) {
    if (key === "filter") value.forEach((text) => parameters.append("filter", text));
    else if (value !== null && value !== undefined && value !== "") parameters.set(key, value);
  }
  return "#" + parameters.toString();
}

/** What the engine is asked: the filters, and the options that are said, with pairs and numbers as such. */
export function workOf(state) {
  const work = { filter: state.filter };
  for (const key of OPTIONS) if (state[key] !== undefined && state[key] !== "") work[key] = value(key, state[key]);
  return work;
}

const PAIRS = ["pad", "strides", "dilation", "pool"];

function value(key, text) {
  if (key === "bias") return Number(text);
  if (key === "linear") return text === "true";
  if (!PAIRS.includes(key) || /^[a-z]/.test(text)) return text;
  const numbers = text.split(",").map(Number);
  return numbers.length === 1 ? [numbers[0], numbers[0]] : numbers;
}
