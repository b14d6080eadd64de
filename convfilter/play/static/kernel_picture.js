// A kernel as a picture, where it has too many numbers to see its shape in them.

import { element } from "./dom.js";

/** One pixel per weight: blue below zero, red above, the stronger the farther; `largest` is the strongest. */
export function kernelPicture(rows, largest) {
  const [height, width] = [rows.length, rows[0].length];
  const canvas = element("canvas", { width, height, role: "img",
    "aria-label": "The kernel as a picture: blue is below zero, red above" });
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(width, height);
  rows.flat().forEach((value, i) => pixels.data.set(colour(value / largest), 4 * i));
  context.putImageData(pixels, 0, 0);
  return canvas;
}

function colour(share) {
  const rest = Math.round(255 * (1 - Math.abs(share)));
  return share < 0 ? [rest, rest, 255, 255] : [255, rest, rest, 255];
}
