// A picture on a canvas: fitted, at 1:1, or zoomed to the pixel; before and after with a divider between.

import { element, fill } from "./dom.js";
import { Divider } from "./divider.js";
import { drag } from "./drag.js";
import { roomForNumbers, writeNumbers } from "./pixel_numbers.js";
import { Viewport } from "./viewport.js";

const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const OUTLINE = "#e8a200";

/**
 * Draws layers, {bitmap, left, top, step: [down, right]}: a bitmap whose pixels are `step` of the frame's in
 * size. The frame is the picture before, [width, height]; what comes after lies on it.
 *
 * name: what the canvas is called. caption: what stands on the picture. divided: whether it has a divider.
 * picks: whether dragging goes on pointing, where it moves the picture else (with Shift it always does).
 * onpoint(x, y, held): a point of the frame is pointed at, or pressed (held). onstep(dx, dy) gets the arrow
 * keys, which move the picture without it. onview(words), onsplit(share): the view or the divider was moved.
 */
export class PictureViewer {
  constructor({ name, divided = false, picks = false, caption = "", onpoint, onstep, onview, onsplit }) {
    Object.assign(this, { name, picks, onpoint, onstep, onview });
    this.port = new Viewport();
    this.layers = {};
    this.marks = [];
    const keys = { tabindex: 0, onkeydown: (event) => this.key(event) };
    this.canvas = element("canvas", { role: "application", "aria-label": name, ...keys });
    this.divider = divided ? new Divider(() => this.draw(), onsplit) : null;
    this.caption = element("span", { class: "tag", "aria-hidden": "true", hidden: !caption }, caption);
    this.frame = element("div", { class: "frame" }, this.canvas, this.caption, this.divider?.parts ?? []);
    this.scale = element("output", { class: "number scale", "aria-live": "off" });
    this.element = element("div", { class: "viewer" }, this.frame, this.buttons());
    this.listen();
  }

  buttons() {
    const button = (text, title, action) => element("button", { type: "button", title, onclick: action,
      "aria-label": { "−": "Smaller", "+": "Larger" }[text] ?? null }, text);
    this.fitButton = button("Fit", "Fit the picture in", () => this.look(() => this.port.fit()));
    return element("div", { class: "row zooms", role: "group", "aria-label": "Zoom" }, this.fitButton,
      button("1:1", "One pixel of the picture on one of the screen", () => this.zoom(1)),
      button("−", "Smaller", () => this.zoom(this.port.step(-1))), this.scale,
      button("+", "Larger", () => this.zoom(this.port.step(1))));
  }

  listen() {
    new ResizeObserver(() => this.measure()).observe(this.frame);
    this.canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    drag(this.canvas, {
      press: (event) => this.press(event),
      move: (event, dx, dy, pressed) => {
        if (pressed) this.point(event, true);
        else this.look(() => this.port.pan(dx * devicePixelRatio, dy * devicePixelRatio));
      },
      hover: (event) => this.point(event, false),
      pinch: (factor, x, y) => this.zoom(this.port.scale * factor, this.at(x, y)),
    });
  }

  /** The place of a pointer on the canvas, in device pixels. */
  at(x, y) {
    const box = this.canvas.getBoundingClientRect();
    return [(x - box.left) * devicePixelRatio, (y - box.top) * devicePixelRatio];
  }

  /** Whether the drag that begins here goes on pointing. */
  press(event) {
    if (!event.shiftKey) this.point(event, true);
    return this.picks && !event.shiftKey;
  }

  point(event, held) {
    this.onpoint?.(...this.port.onPicture(...this.at(event.clientX, event.clientY)), held);
  }

  measure() {
    const { clientWidth, clientHeight } = this.frame;
    const pixels = (length) => Math.max(Math.round(length * devicePixelRatio), 1);
    const size = [clientWidth, clientHeight].map(pixels);
    if (size.join() === this.port.canvas.join() && this.canvas.width === size[0]) return;
    this.port.canvas = size;
    [this.canvas.width, this.canvas.height] = size;
    this.draw();
  }

  /** Shows layers on a frame of [width, height]; without `after` there is one picture. */
  show(frame, { before = null, after = null }, description = "") {
    this.layers = { before, after };
    this.port.picture = frame;
    this.frame.style.aspectRatio = `${frame[0]} / ${frame[1]}`;
    this.canvas.setAttribute("aria-label", [this.name, description].filter(Boolean).join(": "));
    this.measure();
    this.draw();
  }

  /** Outlines places, [{left, top, right, bottom, kind}] in the frame's pixels; kind window, field, pixel. */
  mark(marks) {
    this.marks = marks;
    this.draw();
  }

  /** Changes the view, and says so. */
  look(change) {
    change();
    this.draw();
    this.onview?.(this.port.words);
  }

  /** Takes over a view, as from an address or from a viewer beside it. */
  set view(words) {
    this.port.words = words;
    this.draw();
  }

  zoom(scale, [x, y] = this.port.canvas.map((length) => length / 2)) {
    this.look(() => this.port.zoom(scale, x, y));
  }

  wheel(event) {
    if (!event.ctrlKey && document.activeElement !== this.canvas) return;
    event.preventDefault();
    this.zoom(this.port.scale * 2 ** (-event.deltaY / 240), this.at(event.clientX, event.clientY));
  }

  key(event) {
    const steps = { "+": 1, "=": 1, "-": -1 };
    const [dx, dy] = KEYS[event.key] ?? [0, 0];
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key in steps) this.zoom(this.port.step(steps[event.key]));
    else if (event.key === "0") this.look(() => this.port.fit());
    else if (event.key === "1") this.zoom(1);
    else if (event.key in KEYS) this.arrow(dx, dy, event.shiftKey);
    else return;
    event.preventDefault();
  }

  arrow(dx, dy, far) {
    if (this.onstep) return this.onstep(dx * (far ? 10 : 1), dy * (far ? 10 : 1));
    const step = 48 * devicePixelRatio * (far ? 4 : 1);
    return this.look(() => this.port.pan(-dx * step, -dy * step));
  }

  draw() {
    const context = this.canvas.getContext("2d");
    const [width, height] = this.canvas.width ? this.port.canvas : [0, 0];
    context.clearRect(0, 0, width, height);
    if (!this.layers.before && !this.layers.after) return;
    const [left] = this.port.onCanvas(0, 0);
    const [right] = this.port.onCanvas(this.port.picture[0], 0);
    const edges = [Math.max(left, 0), Math.min(right, width)];
    this.caption.style.left = `calc(${edges[0] / devicePixelRatio}px + 0.6rem)`;
    const split = this.divider ? this.split(edges, width) : null;
    if (this.layers.before) this.layer(context, this.layers.before, 0, split ?? width);
    if (this.layers.after) this.layer(context, this.layers.after, split ?? 0, width);
    this.marks.forEach((mark) => this.outline(context, mark));
    this.canvas.classList.toggle("movable", this.port.wanted !== null);
    fill(this.scale, `${Number((this.port.scale * 100).toPrecision(3))} %`);
    this.fitButton.setAttribute("aria-pressed", this.port.wanted === null);
  }

  /** The column of the canvas where the picture after begins. At an end, the divider leaves one alone. */
  split(edges, width) {
    const at = this.divider.place(edges.map((edge) => edge / devicePixelRatio)) * devicePixelRatio;
    return { 0: 0, 1: width }[this.divider.share] ?? at;
  }

  /** One layer, between two columns of the canvas. */
  layer(context, layer, from, to) {
    const { bitmap, left, top, step } = layer;
    const [x, y] = this.port.onCanvas(left, top).map(Math.round); // pixels on pixels
    const size = [bitmap.width * step[1] * this.port.scale, bitmap.height * step[0] * this.port.scale];
    context.save();
    context.beginPath();
    context.rect(from, 0, Math.max(to - from, 0), this.port.canvas[1]);
    context.clip();
    context.imageSmoothingEnabled = this.port.scale * Math.min(...step) < 1;
    context.imageSmoothingQuality = "high";
    context.drawImage(bitmap, x, y, ...size);
    if (roomForNumbers(this.port.scale * Math.min(...step))) writeNumbers(context, layer, this.port, from,
      to);
    context.restore();
  }

  ring(context, x, y, radius) {
    context.moveTo(x + radius, y);
    context.arc(x, y, radius, 0, 2 * Math.PI);
  }

  /** An outline that is seen on light and dark; around one that is too small to see, a ring. */
  outline(context, { left, top, right, bottom, kind }) {
    const [x, y] = this.port.onCanvas(left, top);
    const [width, height] = [(right - left) * this.port.scale, (bottom - top) * this.port.scale];
    const small = Math.max(width, height) < 10 * devicePixelRatio;
    for (const [color, line] of [["#000a", 4], [OUTLINE, 2]]) {
      context.strokeStyle = color;
      context.lineWidth = line * devicePixelRatio;
      context.setLineDash(kind === "field" ? [6 * devicePixelRatio, 4 * devicePixelRatio] : []);
      context.beginPath();
      context.rect(x, y, width, height);
      if (small) this.ring(context, x + width / 2, y + height / 2, 12 * devicePixelRatio);
      context.stroke();
    }
  }
}
