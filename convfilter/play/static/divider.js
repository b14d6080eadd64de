// The line between before and after, moved by hand and by keyboard.

import { element } from "./dom.js";
import { drag } from "./drag.js";

const STEPS = { ArrowLeft: -0.02, ArrowDown: -0.02, ArrowRight: 0.02, ArrowUp: 0.02,
  PageDown: -0.1, PageUp: 0.1 };

/** `moved()` and `onsplit(share)` are called when it was moved; 0 shows only what comes after. */
export class Divider {
  constructor(moved, onsplit) {
    Object.assign(this, { moved, onsplit, share: 0.5, edges: [0, 1] });
    this.handle = element("div", {
      class: "divider", role: "slider", tabindex: 0, "aria-label": "Divider between before and after",
      "aria-valuemin": 0, "aria-valuemax": 100, onkeydown: (event) => this.key(event),
    });
    this.before = element("span", { class: "tag", "aria-hidden": "true" }, "before");
    this.after = element("span", { class: "tag", "aria-hidden": "true" }, "after");
    this.parts = [this.before, this.after, this.handle];
    drag(this.handle, { press: () => true, move: (event) => this.follow(event), hover() {}, pinch() {} });
  }

  follow(event) {
    const { left } = this.handle.parentElement.getBoundingClientRect();
    const [first, last] = this.edges;
    this.set((event.clientX - left - first) / (last - first));
  }

  key(event) {
    const ends = { Home: 0, End: 1 };
    if (event.key in STEPS) this.set(this.share + STEPS[event.key]);
    else if (event.key in ends) this.set(ends[event.key]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  set(share) {
    this.share = Math.min(Math.max(share, 0), 1);
    this.moved();
    this.onsplit?.(this.share);
  }

  /** Stands between the left and right edge of what is seen of the picture; says where. In CSS pixels. */
  place(edges) {
    this.edges = edges;
    const at = edges[0] + this.share * (edges[1] - edges[0]);
    const percent = Math.round(this.share * 100);
    this.handle.style.left = `${at}px`;
    this.before.style.left = `calc(${edges[0]}px + 0.6rem)`;
    this.after.style.right = `calc(100% - ${edges[1]}px + 0.6rem)`;
    this.handle.setAttribute("aria-valuenow", percent);
    this.handle.setAttribute("aria-valuetext", `${percent} % before, ${100 - percent} % after`);
    this.before.style.opacity = at - edges[0] > 80 ? 1 : 0;
    this.after.style.opacity = edges[1] - at > 80 ? 1 : 0;
    return at;
  }
}
