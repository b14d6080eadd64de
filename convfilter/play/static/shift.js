// Figure 14: the same layers on a grid and on a moved or bent copy of it, side by side, number by number.

import { element, fill, label } from "./dom.js";
import { Cells } from "./cells.js";
import { percent } from "./charts.js";
import { GRIDS, moved } from "./grids.js";

const WORK = { filter: [JSON.stringify({
  name: "shift",
  layers: [
    { pad: 1 }, { conv: "sobel-x", activation: "relu" }, { pool: 2, mode: "max" },
    { pad: 1 }, { conv: "box-3" }, { pool: 2, mode: "max" },
  ],
})] };
const HINT = "By how much two maps differ: the sum of the differences, as a part of the sum of all numbers.";
const START = GRIDS.digit.rows;
const COPIES = {
  right: { title: "moved one pixel to the right", make: (rows) => moved(rows, 0, 1), by: [0, 1] },
  down: { title: "moved one pixel down", make: (rows) => moved(rows, 1, 0), by: [1, 0] },
  lean: { title: "its upper half moved, so that it leans", make: lean },
};

function lean(rows) {
  return rows.map((row, y) => (y < rows.length / 2 ? moved([row], 0, 1)[0] : row));
}

/** The panel; the address: move, one of COPIES. */
export class ShiftPanel {
  constructor(app) {
    this.app = app;
    this.select = element("select", { onchange: () => app.go({ move: this.select.value }) },
      Object.entries(COPIES).map(([value, { title }]) => element("option", { value }, title)));
    this.rows = element("div", { class: "stack" });
    this.element = element("div", { class: "stack" }, element("div", { class: "narrow" },
      label("The copy is", this.select, HINT)), this.rows);
  }

  async show({ move }) {
    const chosen = move in COPIES ? move : "right";
    if (chosen === this.chosen) return;
    this.chosen = this.select.value = chosen;
    const { make, by } = COPIES[chosen];
    const answers = await this.app.attempt(() => Promise.all(
      [START, make(START)].map((grid) => this.app.engine.window(WORK, grid))));
    if (answers && this.chosen === chosen) this.draw(answers.map(({ layers }) => layers), by);
  }

  draw([first, second], by) {
    const shown = first.map((layer, at) => [layer, second[at]]).filter(([{ kind }]) => kind !== "pad");
    fill(this.rows, shown.map(([one, two], at) => pairOf(one, two, at <= 1 ? by : null)));
  }
}

function pairOf(one, two, by) {
  const [left, right] = [one.values[0], two.values[0]];
  const name = one.kind === "input" ? "Input" : one.label;
  return element("section", { class: "stack shift-pair", "data-layer": name }, element("h3", {}, name),
    element("div", { class: "shift-maps" },
      mapOf(`${name} of the grid`, left), mapOf(`${name} of its copy`, right)),
    element("p", { class: "soft" }, wordsOf(left, right, by)));
}

function mapOf(name, rows) {
  const cells = new Cells(name);
  cells.show(rows);
  return element("figure", {}, cells.element);
}

function wordsOf(left, right, by) {
  const plain = `Place by place they differ by ${percent(difference(left, right), 0)}`;
  if (!by) return `${plain}.`;
  return `${plain}; with the first moved along, by ${percent(difference(moved(left, ...by), right), 0)}.`;
}

/** The sum of the differences between two maps, as a part of the sum of their numbers. */
function difference(left, right) {
  const [one, two] = [left.flat(), right.flat()];
  const sum = (values) => values.reduce((total, value) => total + Math.abs(value), 0);
  return sum(one.map((value, at) => value - two[at])) / (sum(one) + sum(two) || 1);
}
