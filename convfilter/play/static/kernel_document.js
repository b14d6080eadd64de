// The JSON document of a kernel or a pipeline: its tables of numbers, and the text for people to read.

/** Whether a filter's text is a document, and not a name or a formula. */
export function isDocument(text) {
  return /^\s*[[{]/.test(text);
}

/** What a text says as JSON; null where it is none. */
export function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/**
 * The kernels in a document, each as {name, kernel, layer}: the one that it is (layer null), or those of a
 * pipeline's layers that it holds itself. A layer that only names a kernel has no numbers here.
 */
export function kernelsIn(document) {
  if (!document || typeof document !== "object") return [];
  if (!Array.isArray(document.layers)) return hasTables(document) ? [found(document, null)] : [];
  const all = document.layers.map((each, layer) => found(each?.conv, layer));
  return all.filter(({ kernel }) => hasTables(kernel));
}

function found(kernel, layer) {
  return { name: kernel?.name ?? (layer === null ? "kernel" : `layer ${layer + 1}`), kernel, layer };
}

function hasTables(kernel) {
  return planesOf(kernel) !== null;
}

/** The document with the kernel of a layer replaced; layer null is the document itself. */
export function withKernel(document, layer, kernel) {
  if (layer === null) return kernel;
  const layers = document.layers.map((each, i) => (i === layer ? { ...each, conv: kernel } : each));
  return { ...document, layers };
}

/** Weights as [filter][channel][row][column], from any of the layouts that a file may have; null if none. */
export function planesOf(kernel) {
  const weights = Array.isArray(kernel) ? kernel : kernel?.weights;
  const depth = depthOf(weights);
  if (depth === 2) return checked([[weights]]);
  if (depth === 3) return checked(weights.map((matrix) => [matrix]));
  if (depth === 4) return checked(kernel.layout === "out,in,kh,kw" ? weights : filtersFirst(weights));
  return depth === 5 ? checked(filtersFirst(weights[0])) : null;
}

function depthOf(value) {
  return Array.isArray(value) && value.length ? 1 + depthOf(value[0]) : 0;
}

/** The planes, if all are matrices of numbers of one size. */
function checked(planes) {
  const [[first]] = planes;
  const fits = (row) => Array.isArray(row) && row.length === first[0].length && row.every(Number.isFinite);
  const whole = (matrix) => Array.isArray(matrix) && matrix.length === first.length && matrix.every(fits);
  return planes.every((filter) => Array.isArray(filter) && filter.every(whole)) ? planes : null;
}

/** From Keras' order (row, column, channel, filter). */
function filtersFirst(weights) {
  const [first] = weights[0];
  return first[0].map((_, filter) => first.map((_, channel) => (
    weights.map((row) => row.map((pixel) => pixel[channel]?.[filter])))));
}

/** The kernel with other weights, in the plainest layout that holds them. */
export function withPlanes(kernel, planes) {
  const fields = Array.isArray(kernel) ? biasOf(kernel) : { ...kernel };
  delete fields.layout;
  if (planes[0].length > 1) return { ...fields, weights: planes, layout: "out,in,kh,kw" };
  const matrices = planes.map(([matrix]) => matrix);
  return { ...fields, weights: matrices.length === 1 ? matrices[0] : matrices };
}

/** Of the list that Keras' set_weights takes: its second part, if it has one. */
function biasOf(list) {
  return depthOf(list) === 5 && list.length > 1 ? { bias: list[1] } : {};
}

/** The kernel with one weight changed; at = {filter, channel, row, column}. */
export function withWeight(kernel, at, value) {
  const planes = structuredClone(planesOf(kernel));
  planes[at.filter][at.channel][at.row][at.column] = value;
  return withPlanes(kernel, planes);
}

/** The kernel with so many filters, rows and columns: what it has stays in the middle, among zeros. */
export function resized(kernel, filters, rows, columns) {
  const planes = planesOf(kernel);
  const [[first]] = planes;
  const down = Math.ceil((rows - first.length) / 2);
  const right = Math.ceil((columns - first[0].length) / 2);
  const matrix = (plane) => range(rows).map((row) => (
    range(columns).map((column) => plane?.[row - down]?.[column - right] ?? 0)));
  const made = withPlanes(kernel, range(filters).map((i) => planes[0].map((_, j) => matrix(planes[i]?.[j]))));
  delete made.anchor;
  if (Array.isArray(made.bias)) made.bias = range(filters).map((i) => made.bias[i] ?? 0);
  return made;
}

function range(count) {
  return [...Array(count).keys()];
}

/** JSON for people: each field, and each row of numbers, on a line of its own. */
export function formatted(document) {
  return (Array.isArray(document) ? value(document, 0) : object(document, 0)) + "\n";
}

function object(fields, indent) {
  const inner = " ".repeat(indent + 2);
  const field = ([key, each]) => `${inner}${JSON.stringify(key)}: ${value(each, indent + 2)}`;
  const lines = Object.entries(fields).map(field);
  return `{\n${lines.join(",\n")}\n${" ".repeat(indent)}}`;
}

function value(each, indent) {
  if (!Array.isArray(each)) {
    const nested = each && typeof each === "object" && Object.values(each).some(deep);
    return nested ? object(each, indent) : line(each);
  }
  if (!deep(each)) return line(each);
  if (each.length === 1 && Array.isArray(each[0])) return `[${value(each[0], indent)}]`;
  const inner = " ".repeat(indent + 2);
  return `[\n${each.map((item) => inner + value(item, indent + 2)).join(",\n")}\n${" ".repeat(indent)}]`;
}

/** Whether it takes more than a line: an object, or a list of lists or objects. */
function deep(each) {
  if (!each || typeof each !== "object") return false;
  return !Array.isArray(each) || (each[0] !== null && typeof each[0] === "object");
}

function line(each) {
  if (Array.isArray(each)) return `[${each.map(line).join(", ")}]`;
  if (!each || typeof each !== "object") return JSON.stringify(each);
  return `{${Object.entries(each).map(([key, part]) => `${JSON.stringify(key)}: ${line(part)}`).join(", ")}}`;
}
