// Numbers as people read them, with a true minus sign.

/** A number in at most `digits` significant digits: −0.25, 1,048,576, 3.1e−7. */
export function short(value, digits = 4) {
  if (!Number.isFinite(value)) return value === Infinity ? "∞" : value === -Infinity ? "−∞" : "NaN";
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e9) return signed(value.toLocaleString("en-US"));
  const far = size !== 0 && (size < 1e-4 || size >= 1e9);
  if (far) return signed(value.toExponential(digits - 1).replace("e+", "e"));
  return signed(String(Number(value.toPrecision(digits))));
}

/** A number as it is, every digit that JSON gives it. */
export function exact(value) {
  return Number.isFinite(value) ? signed(String(value)) : short(value);
}

function signed(text) {
  return text.replaceAll("-", "−");
}

/** "129 × 129" of [129, 129]. */
export function size(pair) {
  return pair.map((side) => short(side)).join(" × ");
}

/** What a person typed as a number; null where it is none. Fractions such as 1/9 are allowed. */
export function typed(text) {
  const plain = text.trim().replaceAll("−", "-").replaceAll(",", ".");
  const fraction = plain.match(/^([^/]+)\/([^/]+)$/);
  const value = fraction ? Number(fraction[1]) / Number(fraction[2]) : Number(plain);
  return plain === "" || !Number.isFinite(value) ? null : value;
}
