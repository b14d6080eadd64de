// Where a result lies on the picture that it was made from.

/**
 * A layer for the viewer: a bitmap of `shape` [rows, columns] values, `stride` [down, right] pixels apart, in
 * the middle of a frame of [width, height].
 */
export function placed(bitmap, frame, shape = [bitmap.height, bitmap.width], stride = [1, 1]) {
  const [height, width] = [shape[0] * stride[0], shape[1] * stride[1]];
  const step = [height / bitmap.height, width / bitmap.width];
  return { bitmap, left: (frame[0] - width) / 2, top: (frame[1] - height) / 2, step, stride };
}

/** The value (x, y) of a layer under a point of the frame, kept inside it. */
export function under(layer, shape, x, y) {
  const inside = (value, length) => Math.min(Math.max(Math.floor(value), 0), length - 1);
  return [inside((x - layer.left) / layer.stride[1], shape[1]),
    inside((y - layer.top) / layer.stride[0], shape[0])];
}

/** The outline of a layer's value (x, y) in the frame. */
export function boxOf(layer, x, y, kind) {
  const [left, top] = [layer.left + x * layer.stride[1], layer.top + y * layer.stride[0]];
  return { left, top, right: left + layer.stride[1], bottom: top + layer.stride[0], kind };
}
