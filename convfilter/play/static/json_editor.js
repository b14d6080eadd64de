// A kernel's JSON as text to edit, with what is wrong with it at its line.

import { afterPause, element, fill } from "./dom.js";

/** `onchange(text)` gets every text that may be a document; what is wrong with it is said by `refuse`. */
export class JsonEditor {
  constructor(onchange) {
    this.onchange = onchange;
    this.fault = null;
    this.numbers = element("pre", { class: "lines", "aria-hidden": "true" });
    this.strip = element("div", { class: "strip", hidden: true, "aria-hidden": "true" });
    this.message = element("p", { class: "fault", id: "json-fault", role: "status" });
    this.area = element("textarea", {
      rows: 16, wrap: "off", spellcheck: "false", autocomplete: "off", autocapitalize: "off",
      "aria-label": "The kernel as JSON", "aria-describedby": "json-fault",
      oninput: () => this.typed(), onscroll: () => this.place(),
    });
    this.element = element("div", { class: "json" }, this.numbers,
      element("div", { class: "text" }, this.strip, this.area, this.message));
    this.say = afterPause(350, () => this.tell());
    new ResizeObserver(() => this.place()).observe(this.area);
  }

  /** Shows a text, unless it is there already; what was typed is never replaced by another form of it. */
  show(text) {
    if (this.area.value === text) return;
    const { scrollTop } = this.area;
    this.area.value = text;
    this.area.scrollTop = scrollTop;
    this.count();
  }

  get text() {
    return this.area.value;
  }

  typed() {
    this.count();
    this.refuse(null);
    if (/^\s*[[{]/.test(this.text)) this.onchange(this.text);
    else this.refuse({ message: "a kernel's text begins with { or [; undo, or choose a kernel above",
      line: 1 });
  }

  /** Says what is wrong: {message, line, column}, line null where no line is meant; null if nothing is. */
  refuse(fault) {
    this.fault = fault;
    this.area.setAttribute("aria-invalid", fault !== null);
    if (fault) this.say();
    else this.tell();
  }

  tell() {
    const { message = "", line = null, column = null } = this.fault ?? {};
    const where = [line && `Line ${line}`, column && `column ${column}`].filter(Boolean).join(", ");
    fill(this.message, where && element("b", {}, `${where}: `), message);
    this.message.hidden = !message;
    this.strip.hidden = !message || !line;
    this.count();
    this.place();
  }

  /** The numbers of the lines, the wrong one marked. */
  count() {
    const wrong = this.strip.hidden ? null : this.fault?.line;
    const lines = this.text.split("\n").length;
    const number = (i) => (i === wrong ? element("mark", {}, i) : String(i));
    fill(this.numbers, [...Array(lines).keys()].flatMap((i) => [number(i + 1), "\n"]));
  }

  /** The strip on the wrong line, the message below it, both where the text was scrolled to. */
  place() {
    const { lineHeight, paddingTop, height } = getComputedStyle(this.area);
    const line = parseFloat(lineHeight);
    const top = parseFloat(paddingTop) + ((this.fault?.line ?? 1) - 1) * line - this.area.scrollTop;
    const shown = Math.min(Math.max(top, 0), parseFloat(height) - 3 * line);
    this.strip.style.top = `${shown}px`;
    this.message.style.top = `${shown + line + 4}px`;
    this.numbers.scrollTop = this.area.scrollTop;
  }
}
