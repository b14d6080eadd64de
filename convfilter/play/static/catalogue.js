// The kernels and formulas that there are, found by any word of their name, description or tags.

import { element, fill } from "./dom.js";
import { size } from "./numbers.js";

/** `onpick(text)` gets the name that was chosen, or what was typed as it stands, such as a formula. */
export class Catalogue {
  constructor(onpick) {
    this.onpick = onpick;
    this.entries = [];
    this.search = element("input", {
      type: "search", placeholder: "edge, blur, gaussian:sigma=2 …", "aria-label": "Search the catalogue",
      autocomplete: "off", spellcheck: "false",
      oninput: () => this.list(), onkeydown: (event) => this.key(event),
    });
    this.found = element("ul", { class: "found", "aria-label": "Kernels and formulas" });
    this.count = element("p", { class: "soft", role: "status" });
    this.element = element("div", { class: "catalogue stack" }, this.search, this.found, this.count);
  }

  /** {kernels, formulas} as the engine lists them. */
  fill({ kernels, formulas }) {
    const formula = (each) => ({ ...each, tags: [...(each.tags ?? []), "formula"], facts: "formula" });
    const filters = (count) => (count > 1 ? `, ${count} filters` : "");
    const kernel = (each) => ({ ...each, facts: size(each.size) + filters(each.filters) });
    const entries = [...kernels.map(kernel), ...formulas.map(formula)];
    this.entries = entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    this.list();
  }

  /** Marks the one that is shown. */
  show(name) {
    this.chosen = name;
    for (const button of this.found.querySelectorAll("button")) {
      if (button.value === name) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
  }

  get matching() {
    const words = this.search.value.toLowerCase().split(/[\s,]+/).filter(Boolean);
    const text = ({ name, description, tags = [] }) => [name, description, ...tags].join(" ").toLowerCase();
    const fits = this.entries.filter((entry) => words.every((word) => text(entry).includes(word)));
    const rank = ({ name }) => (words.some((word) => name.startsWith(word)) ? 0 : 1);
    return fits.sort((a, b) => rank(a) - rank(b));
  }

  list() {
    const entries = this.matching;
    fill(this.found, entries.map(({ name, facts, description }) => element("li", {}, element("button", {
      type: "button", value: name, onclick: () => this.onpick(name),
    }, element("b", {}, name), element("span", { class: "soft facts" }, facts),
      element("span", { class: "soft" }, description)))));
    this.show(this.chosen);
    const typed = this.search.value.trim();
    const none = typed.includes(":") ? "Enter takes it as a formula."
      : "Nothing fits; try fewer letters, or a formula such as gaussian:sigma=2.";
    fill(this.count, entries.length ? "" : none);
  }

  /** Enter takes the first; the down arrow goes into the list. */
  key(event) {
    if (event.key === "Enter") {
      const typed = this.search.value.trim();
      const pick = typed.includes(":") ? typed : this.matching[0]?.name;
      if (pick) this.onpick(pick);
    } else if (event.key === "ArrowDown") {
      this.found.querySelector("button")?.focus();
    } else return;
    event.preventDefault();
  }
}
