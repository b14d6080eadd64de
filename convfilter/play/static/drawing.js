// A board to draw a digit on, white on black, by pointer or keys. Its strokes can be written as text, for an
// address to hold them.

import { element } from "./dom.js";

const SIDE = 112; // units of the board, and pixels of what the network is given
const SCALE = 3; // pixels of the canvas to a unit
const PEN = 9; // width of a line
const STEP = 4; // an arrow key's way: a pixel of the 28 that the network sees
const NEAR = 2; // points nearer than this to the last one are left out

/** Strokes, lists of [x, y] in units, as text: two base-36 digits a number, "_" between strokes. */
export function strokesText(strokes) {
  const digits = (value) => Math.round(value).toString(36).padStart(2, "0");
  return strokes.map((stroke) => stroke.map(([x, y]) => digits(x) + digits(y)).join("")).join("_");
}

/** The strokes of a text; what is none is left out. */
export function strokesOf(text) {
  const number = (digits) => Math.min(SIDE - 1, Number.parseInt(digits, 36) || 0);
  return (text ?? "").split("_").map((stroke) => stroke.match(/[0-9a-z]{4}/g) ?? [])
    .filter((points) => points.length)
    .map((points) => points.map((point) => [number(point.slice(0, 2)), number(point.slice(2))]));
}

export class Drawing {
  /** changed(strokes, finished) is called as it is drawn; finished when the pen is lifted. */
  constructor(changed) {
    Object.assign(this, { changed, strokes: [], pen: [SIDE / 2, SIDE / 4], down: false, pointer: null });
    this.canvas = element("canvas", {
      class: "board", width: SIDE * SCALE, height: SIDE * SCALE, tabindex: 0, role: "application",
      "aria-label": "Board to draw a digit on", "aria-describedby": "board-help",
      onpointerdown: (event) => this.press(event), onpointermove: (event) => this.drag(event),
      onpointerup: () => this.lift(), onpointercancel: () => this.lift(),
      onkeydown: (event) => this.key(event), onfocus: () => this.paint(), onblur: () => this.lift(),
    });
    this.said = element("p", { class: "visually-hidden", "aria-live": "polite" });
    this.element = element("div", { class: "stack" }, this.canvas, this.said);
  }

  show(strokes) {
    if (this.pointer !== null) return;
    this.strokes = strokes;
    this.paint();
  }

  press(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.pointer = event.pointerId;
    this.strokes = [...this.strokes, [this.place(event)]];
    this.touch(false);
  }

  drag(event) {
    if (event.pointerId !== this.pointer) return;
    for (const one of event.getCoalescedEvents?.() ?? [event]) this.extend(this.place(one));
    this.touch(false);
  }

  /** Where a pointer is, in units. */
  place({ clientX, clientY }) {
    const box = this.canvas.getBoundingClientRect();
    const inside = (value) => Math.max(0, Math.min(SIDE - 1, Math.round(value * SIDE)));
    return [inside((clientX - box.left) / box.width), inside((clientY - box.top) / box.height)];
  }

  extend([x, y]) {
    const stroke = this.strokes.at(-1);
    const [lastX, lastY] = stroke.at(-1);
    if (Math.hypot(x - lastX, y - lastY) >= NEAR) stroke.push([x, y]);
  }

  lift() {
    const drawn = this.pointer !== null || this.down;
    this.pointer = null;
    this.down = false;
    if (drawn) this.touch(true);
    else this.paint();
  }

  /** Arrow keys move the pen, the space bar puts it down and lifts it. */
  key(event) {
    const by = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
    if (by) this.walk(by);
    else if (event.key === " ") this.toggle();
    else return;
    event.preventDefault();
  }

  walk([right, down]) {
    this.pen = [this.pen[0] + right * STEP, this.pen[1] + down * STEP]
      .map((value) => Math.max(0, Math.min(SIDE - STEP, value)));
    if (this.down) this.extend(this.pen);
    if (this.down) this.touch(false);
    else this.paint();
    this.say();
  }

  toggle() {
    if (this.down) return this.lift(), this.say();
    this.down = true;
    this.strokes = [...this.strokes, [[...this.pen]]];
    this.touch(false);
    this.say();
  }

  say() {
    const [x, y] = this.pen.map((value) => value / STEP + 1);
    this.said.textContent = `Pen ${this.down ? "down" : "up"}, column ${x}, row ${y} of 28.`;
  }

  touch(finished) {
    this.paint();
    this.changed(this.strokes, finished);
  }

  paint() {
    const context = this.canvas.getContext("2d");
    trace(context, this.strokes, SCALE);
    if (document.activeElement === this.canvas) ring(context, this.pen, this.down);
  }

  /** The drawing as rows of 0 to 255. */
  pixels() {
    const canvas = new OffscreenCanvas(SIDE, SIDE);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    trace(context, this.strokes, 1);
    const { data } = context.getImageData(0, 0, SIDE, SIDE);
    const row = (y) => Array.from({ length: SIDE }, (_, x) => data[4 * (y * SIDE + x)]);
    return Array.from({ length: SIDE }, (_, y) => row(y));
  }
}

function trace(context, strokes, scale) {
  context.setTransform(scale, 0, 0, scale, 0, 0);
  Object.assign(context, { fillStyle: "#000", strokeStyle: "#fff", lineWidth: PEN });
  Object.assign(context, { lineCap: "round", lineJoin: "round" });
  context.fillRect(0, 0, SIDE, SIDE);
  for (const stroke of strokes) {
    context.beginPath();
    context.moveTo(...stroke[0]);
    for (const point of stroke.length > 1 ? stroke.slice(1) : stroke) context.lineTo(...point);
    context.stroke();
  }
}

/** Where the keys' pen is: a ring, full when it is down. */
function ring(context, [x, y], down) {
  Object.assign(context, { strokeStyle: "#e8a200", fillStyle: "#e8a200", lineWidth: 1 });
  context.beginPath();
  context.arc(x, y, PEN / 2, 0, 2 * Math.PI);
  context.stroke();
  if (down) context.fill();
}
