// The page: views, and the address that says what they show.

import { element, fill, spaced } from "./dom.js";
import { format, parse, workOf } from "./state.js";

/**
 * What every view gets: `engine`, the `state` that the address names, `work` (what the engine is asked), and
 * `go(changes)`, which changes the address. A view is {id, title, needs, create(app) → {element, show(app)}};
 * needs names what the engine must have, such as a network.
 */
export class App {
  constructor(engine, start, views) {
    Object.assign(this, { engine, start, views });
    this.made = new Map();
    this.hash = location.hash;
    this.write = spaced(250, () => history.replaceState(null, "", this.hash));
    addEventListener("hashchange", () => this.arrive());
    addEventListener("popstate", () => this.arrive());
  }

  get state() {
    const state = { view: "filter", ...parse(this.hash) };
    if (!state.filter.length) state.filter = this.start.filter;
    state.picture ??= this.start.picture;
    return state;
  }

  get work() {
    return workOf(this.state);
  }

  /** The address of the present state with some changes; null leaves a value out. */
  address(changes) {
    return format({ ...this.state, ...changes });
  }

  /** Goes to an address; `replace` leaves no step to go back to, as while a slider is moved. */
  go(changes, { replace = false } = {}) {
    this.hash = this.address(changes);
    if (replace) this.write();
    else history.pushState(null, "", this.hash);
    this.show();
  }

  /** Shows what the address says after it was changed by a link, by hand or by going back. */
  arrive() {
    if (location.hash === this.hash) return;
    this.hash = location.hash;
    this.show();
  }

  /** Whether the engine offers something, such as "upload"; a page that stands alone has no catalogue. */
  can(name) {
    return typeof this.engine[name] === "function" && this.engine.can?.[name] !== false;
  }

  /** Says something in one line, such as an error; nothing takes it away. */
  notice(text = "") {
    const place = document.getElementById("notice");
    place.textContent = text;
    place.hidden = !text;
  }

  /** Runs something that may be refused, and says so where it is. */
  async attempt(action) {
    try {
      this.notice();
      return await action();
    } catch (error) {
      this.notice(error.message);
      return null;
    }
  }

  /** The links to the views, which stay in place so that none loses the focus. */
  name(views, shown) {
    const place = document.getElementById("views");
    if (!place.children.length) fill(place, views.map(({ title }) => element("a", {}, title)));
    views.forEach(({ id }, i) => {
      place.children[i].href = this.address({ view: id });
      place.children[i].ariaCurrent = id === shown.id ? "page" : null;
    });
  }

  show() {
    const { view: wanted } = this.state;
    const views = this.views.filter((view) => !view.needs || this.start[view.needs]);
    const view = views.find(({ id }) => id === wanted) ?? views[0];
    this.name(views, view);
    if (!this.made.has(view.id)) this.made.set(view.id, view.create(this));
    const made = this.made.get(view.id);
    const main = document.getElementById("main");
    if (main.firstElementChild !== made.element) fill(main, made.element);
    document.title = `${view.title} – convfilter`;
    made.show(this);
  }
}
