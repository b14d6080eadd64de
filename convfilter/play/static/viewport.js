// The part of a picture that a canvas shows: a scale, and the point of the picture in the canvas' middle.

const LEAST = 1 / 64;
const MOST = 256;

/** Lengths on the canvas are device pixels, those on the picture its own. scale null fits the picture in. */
export class Viewport {
  constructor() {
    Object.assign(this, { canvas: [1, 1], picture: [1, 1], wanted: null, middle: null });
  }

  get fitting() {
    return Math.min(this.canvas[0] / this.picture[0], this.canvas[1] / this.picture[1]);
  }

  get scale() {
    return this.wanted ?? this.fitting;
  }

  /** The point of the picture in the middle: kept where no empty space would be shown for it. */
  get centre() {
    const middle = this.wanted === null ? null : this.middle;
    return this.picture.map((length, axis) => {
      const half = this.canvas[axis] / this.scale / 2;
      if (middle === null || 2 * half >= length) return length / 2;
      return Math.min(Math.max(middle[axis], half), length - half);
    });
  }

  /** Where a point of the picture lies on the canvas. */
  onCanvas(x, y) {
    const [cx, cy] = this.centre;
    return [this.canvas[0] / 2 + (x - cx) * this.scale, this.canvas[1] / 2 + (y - cy) * this.scale];
  }

  /** The point of the picture under a point of the canvas. */
  onPicture(x, y) {
    const [cx, cy] = this.centre;
    return [cx + (x - this.canvas[0] / 2) / this.scale, cy + (y - this.canvas[1] / 2) / this.scale];
  }

  fit() {
    this.wanted = this.middle = null;
  }

  /** Sets the scale; the point (x, y) of the canvas stays on its point of the picture. */
  zoom(scale, x = this.canvas[0] / 2, y = this.canvas[1] / 2) {
    const before = this.onPicture(x, y);
    const centre = this.centre;
    this.wanted = Math.min(Math.max(scale, Math.min(LEAST, this.fitting)), MOST);
    this.middle = centre;
    const after = this.onPicture(x, y);
    this.middle = centre.map((value, axis) => value + before[axis] - after[axis]);
  }

  /** The next scale among the powers of two, larger or smaller. */
  step(direction) {
    const power = Math.log2(this.scale);
    const near = direction > 0 ? Math.floor(power + 1.001) : Math.ceil(power - 1.001);
    return 2 ** near;
  }

  /** Moves the picture by so many pixels of the canvas. */
  pan(x, y) {
    this.wanted = this.scale;
    const [cx, cy] = this.centre;
    this.middle = [cx - x / this.scale, cy - y / this.scale];
  }

  /** Brings a point of the picture into sight, if it isn't. */
  reveal(x, y) {
    const [left, top] = this.onCanvas(x, y);
    const margin = Math.min(this.scale, this.canvas[0] / 4, this.canvas[1] / 4);
    const inside = (at, length) => at >= margin && at <= length - margin;
    if (this.wanted === null || (inside(left, this.canvas[0]) && inside(top, this.canvas[1]))) return;
    this.middle = [x, y];
  }

  /** The view as the words of an address: {zoom, at}, both null where the picture is fitted in. */
  get words() {
    if (this.wanted === null) return { zoom: null, at: null };
    return { zoom: String(Number(this.wanted.toPrecision(4))),
      at: this.centre.map((v) => v.toFixed(1)).join(",") };
  }

  set words({ zoom, at }) {
    const scale = Number(zoom);
    const middle = (at ?? "").split(",").map(Number);
    this.wanted = scale > 0 ? Math.min(scale, MOST) : null;
    this.middle = middle.length === 2 && middle.every(Number.isFinite) ? middle : null;
  }
}
