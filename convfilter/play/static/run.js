// A pipeline's layers, one after the other.

import { activate, combine, convolve, pad, pool } from "./arithmetic.js";

/** What every layer makes of a plane set; full: the value of white, of which biases are fractions. */
export function run(layers, planes, full) {
  const results = [];
  for (const layer of layers) {
    planes = after(layer, planes, full);
    results.push(planes);
  }
  return results;
}

function after(layer, planes, full) {
  if (layer.kind === "pad") return pad(planes, layer);
  if (layer.kind === "pool") return pool(planes, layer.size, layer.mode);
  if (layer.kind === "combine") return combine(planes, layer.how);
  if (layer.kind === "activation") return activate(planes, layer.activation);
  return convolve(planes, { ...layer, bias: layer.bias.map((value) => Math.fround(value * full)) });
}
