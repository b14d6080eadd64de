// The confusion matrix: what was taken for what, and the pictures behind each number.

import { element, fill } from "./dom.js";
import { percent } from "./charts.js";

/** A table whose numbers open the pictures that they count. */
export class Confusion {
  constructor(app) {
    this.app = app;
    const name = "What was taken for what";
    this.place = element("div", { class: "wide", tabindex: 0, role: "region", "aria-label": name });
    this.heading = element("h3", { tabindex: -1 });
    this.pictures = element("div", { class: "pictures" });
    this.found = element("div", { class: "stack mistakes", "aria-live": "polite" }, this.heading, this.pictures);
    this.element = element("div", { class: "stack" }, this.place, this.found);
  }

  build({ confusion, classes }) {
    Object.assign(this, { confusion, classes });
    const heads = ["is \\ taken for", ...classes, "right"];
    const head = element("tr", {}, heads.map((name) => element("th", { scope: "col" }, name)));
    fill(this.place, element("table", { class: "grid confusion" },
      element("caption", { class: "soft" }, "Rows: what a picture is. Columns: what it was taken for."),
      element("thead", {}, head), element("tbody", {}, confusion.map((row, truth) => this.row(row, truth)))));
  }

  row(row, truth) {
    const total = row.reduce((sum, count) => sum + count, 0);
    const wrong = this.confusion.flatMap((line, at) => line.filter((_, taken) => taken !== at));
    const most = Math.max(1, ...wrong);
    return element("tr", {}, element("th", { scope: "row" }, this.classes[truth]),
      row.map((count, taken) => this.cell(count, truth, taken, most)),
      element("td", { class: "right" }, total ? percent(row[truth] / total) : "–"));
  }

  cell(count, truth, taken, most) {
    const right = truth === taken;
    const cell = element("td", { class: right ? "diagonal" : null }, count ? element("button", {
      "aria-label": `${this.classes[truth]} taken for ${this.classes[taken]}: ${count}`,
      "data-truth": truth, "data-taken": taken, onclick: () => this.app.go({ truth, taken }),
    }, count) : "");
    if (count && !right) cell.style.setProperty("--part", `${Math.round(8 + 25 * count / most)}%`);
    return cell;
  }

  /** Opens the pictures that the address names. */
  async show({ truth, taken }) {
    const asked = truth === undefined || taken === undefined ? "" : `${truth} ${taken}`;
    if (asked === this.asked) return;
    this.asked = asked;
    for (const button of this.place.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", `${button.dataset.truth} ${button.dataset.taken}` === asked);
    }
    this.found.hidden = !asked;
    if (!asked) return;
    const answer = await this.app.attempt(() => this.app.engine.mistakes(Number(truth), Number(taken)));
    if (answer && this.asked === asked) this.list(answer.pictures, Number(truth), Number(taken));
  }

  list(pictures, truth, taken) {
    const [is, was] = [this.classes[truth], this.classes[taken]];
    const words = truth === taken ? `${is}, and taken for it` : `${is}, taken for ${was}`;
    this.heading.textContent = `${words}: ${pictures.length} ${pictures.length === 1 ? "picture" : "pictures"}`;
    fill(this.pictures, pictures.map((source, at) =>
      element("img", { class: "pixelated", src: source, alt: `${at + 1}: ${words}` })));
  }
}
