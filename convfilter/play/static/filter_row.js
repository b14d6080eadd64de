// The filters in a row, as --then puts them: choose one to edit, add, move and remove.

import { element, fill } from "./dom.js";
import { isDocument, parsed } from "./kernel_document.js";

/** What a filter is called: its text, or the name in its document. */
export function nameOf(text) {
  return isDocument(text) ? parsed(text)?.name ?? "own kernel" : text;
}

/** `onedit(index)` chooses one; `onchange(filters, index)` gets the filters and the one to edit then. */
export class FilterRow {
  constructor({ onedit, onchange }) {
    Object.assign(this, { onedit, onchange });
    this.element = element("div", { class: "filters", role: "group",
      "aria-label": "Filters, one after the other" });
  }

  show(filters, chosen) {
    const key = JSON.stringify([filters.map(nameOf), chosen]);
    this.filters = filters;
    if (key === this.key) return;
    this.key = key;
    const held = this.element.contains(document.activeElement);
    const then = () => element("span", { class: "soft", "aria-hidden": "true" }, "then");
    const chips = filters.map((text, i) => [i > 0 && then(), this.chip(text, i, i === chosen)]);
    fill(this.element, chips, this.add(), filters.length > 1 && this.tools(chosen));
    if (held) this.element.querySelector('[aria-pressed="true"]')?.focus();
  }

  chip(text, index, chosen) {
    return element("button", { type: "button", class: "chip", "aria-pressed": String(chosen),
      title: nameOf(text), onclick: () => this.onedit(index) }, nameOf(text));
  }

  add() {
    return element("button", { type: "button", class: "quiet", title: "Another filter after the last one",
      onclick: () => this.onchange([...this.filters, "identity"], this.filters.length) }, "+ then");
  }

  tools(chosen) {
    const button = (text, title, onclick, disabled = false) => element("button", {
      type: "button", class: "quiet", title, "aria-label": title, disabled, onclick,
    }, text);
    return [button("←", "Move it one to the front", () => this.move(chosen, -1), chosen === 0),
      button("→", "Move it one to the back", () => this.move(chosen, 1), chosen === this.filters.length - 1),
      button("×", "Remove it", () => this.remove(chosen))];
  }

  remove(index) {
    this.onchange(this.filters.filter((_, i) => i !== index), Math.max(index - 1, 0));
  }

  move(index, by) {
    const filters = [...this.filters];
    [filters[index], filters[index + by]] = [filters[index + by], filters[index]];
    this.onchange(filters, index + by);
  }
}
