// Numbers written into pixels, once they are large enough to read.

const LEAST = 34; // CSS pixels of a picture's pixel

/** Whether pixels of `scale` device pixels have room for their numbers. */
export function roomForNumbers(scale) {
  return scale >= LEAST * devicePixelRatio;
}

/**
 * Writes a picture's numbers (0 to 255) into its pixels. layer = {bitmap, left, top, step}, step = [down,
 * right] in the frame's pixels; `port` says where the frame lies; nothing is written left of `from` or right
 * of `to` on the canvas.
 */
export function writeNumbers(context, layer, port, from, to) {
  const [left, top] = port.onPicture(from, 0);
  const [right, bottom] = port.onPicture(to, port.canvas[1]);
  const x = span(left - layer.left, right - layer.left, layer.step[1], layer.bitmap.width);
  const y = span(top - layer.top, bottom - layer.top, layer.step[0], layer.bitmap.height);
  if (x.count < 1 || y.count < 1) return;
  const pixels = pixelsOf(layer.bitmap, x, y);
  const size = Math.min(layer.step[0], layer.step[1]) * port.scale;
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (let row = 0; row < y.count; row++) {
    for (let column = 0; column < x.count; column++) {
      const at = port.onCanvas(layer.left + (x.first + column + 0.5) * layer.step[1],
        layer.top + (y.first + row + 0.5) * layer.step[0]);
      const first = 4 * (row * x.count + column);
      write(context, pixels.data.subarray(first, first + 3), at, size);
    }
  }
}

function span(from, to, step, length) {
  const first = Math.max(Math.floor(from / step), 0);
  return { first, count: Math.min(Math.ceil(to / step), length) - first };
}

/** The colours of some of a bitmap's pixels, as they are. */
function pixelsOf(bitmap, x, y) {
  const canvas = new OffscreenCanvas(x.count, y.count);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, x.first, y.first, x.count, y.count, 0, 0, x.count, y.count);
  return context.getImageData(0, 0, x.count, y.count);
}

function write(context, [red, green, blue], [x, y], size) {
  const gray = red === green && green === blue;
  const lines = gray ? [red] : [red, green, blue];
  const height = Math.min(size * (gray ? 0.36 : 0.24), 22 * devicePixelRatio);
  context.font = `${height}px ${getComputedStyle(context.canvas).getPropertyValue("--numbers")}`;
  context.fillStyle = 0.299 * red + 0.587 * green + 0.114 * blue > 127 ? "#000" : "#fff";
  lines.forEach((value, i) => context.fillText(value, x, y + (i - (lines.length - 1) / 2) * height * 1.1));
}
