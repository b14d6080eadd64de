// One's picture before and after a filter whose every number can be changed.

import { element, fill, latest } from "./dom.js";
import { Catalogue } from "./catalogue.js";
import { copyable, download } from "./copying.js";
import { FilterRow } from "./filter_row.js";
import { FormulaSliders, formulaOf } from "./formula_sliders.js";
import { JsonEditor } from "./json_editor.js";
import { formatted, isDocument, kernelsIn, parsed, withKernel } from "./kernel_document.js";
import { KernelGrid } from "./kernel_grid.js";
import { short, size } from "./numbers.js";
import { pictureInput } from "./picture_input.js";
import { PictureViewer } from "./picture_viewer.js";
import { placed, under } from "./placement.js";
import { SettingsPanel } from "./settings_panel.js";
import { ShownWork } from "./shown_work.js";

const PAUSE = 1500; // milliseconds after which an edit is a step to go back to

export const view = { id: "filter", title: "Filter", needs: null, create: (app) => new FilterView(app) };

class FilterView {
  constructor(app) {
    this.app = app;
    this.shown = new ShownWork(app.engine);
    this.edited = 0;
    this.parts();
    this.element = this.layout();
    this.follow = latest(() => this.refresh());
    if (app.can("catalogue")) app.attempt(() => this.list());
  }

  parts() {
    const { app } = this;
    this.viewer = new PictureViewer({
      name: "Picture before and after", divided: true, onpoint: (x, y, held) => this.point(x, y, held),
      onview: (words) => app.go(words, { replace: true }),
      onsplit: (share) => app.go({ split: share === 0.5 ? null : share.toFixed(3) }, { replace: true }),
    });
    this.row = new FilterRow({
      onedit: (index) => app.go({ edit: index || null, part: null }),
      onchange: (filter, index) => app.go({ filter, edit: index || null, part: null, page: null }),
    });
    this.catalogue = new Catalogue((text) => this.choose(text));
    this.sliders = new FormulaSliders((text) => this.edit(text));
    this.grid = new KernelGrid((kernel) => this.weigh(kernel));
    this.editor = new JsonEditor((text) => this.edit(text));
    this.settings = new SettingsPanel((changes) => this.go(changes));
  }

  layout() {
    const see = element("section", { class: "see stack", "aria-label": "Picture" }, this.viewer.element);
    this.facts = element("p", { class: "soft facts" });
    this.readout = element("p", { class: "soft readout" },
      "Point at the picture: every pixel has its arithmetic.");
    this.pages = element("div", { class: "row pages", hidden: true });
    this.refusal = element("p", { class: "refusal", role: "alert", hidden: true });
    const open = this.app.can("upload") && pictureInput(see, (file) => this.open(file));
    const under = element("div", { class: "row under" }, this.facts, this.pages, open);
    see.append(under, this.refusal, this.readout);
    return element("div", { class: "filter-view" }, see, this.side(), this.below());
  }

  side() {
    this.about = element("p", { class: "soft about" });
    const list = this.app.can("catalogue") && this.catalogue.element;
    const choose = element("section", { class: "card stack", "aria-label": "Filter" },
      element("h2", {}, "Filter"), this.row.element, this.about, this.sliders.element, list);
    const settings = element("details", { class: "card", open: innerWidth > 832 },
      element("summary", {}, "Settings"), this.settings.element);
    return element("aside", { class: "side stack" }, choose, settings);
  }

  below() {
    this.kernels = element("select", { "aria-label": "Kernel of the pipeline", hidden: true,
      onchange: (event) => this.app.go({ part: event.target.value === "0" ? null : event.target.value }) });
    const save = () => download(this.file, this.editor.text);
    this.save = element("button", { type: "button", onclick: save }, "Download kernel.json");
    this.command = copyable("Copy as command");
    return element("section", { class: "below" },
      element("section", { class: "card stack weights-card", "aria-label": "Weights" },
        element("div", { class: "row head" }, element("h2", {}, "Weights"), this.kernels), this.grid.element),
      element("section", { class: "card stack json-card", "aria-label": "The same as JSON" },
        element("div", { class: "row head" }, element("h2", {}, "The same as JSON"), this.save),
        this.editor.element),
      element("section", { class: "card stack command-card", "aria-label": "In a terminal" },
        element("h2", {}, "In a terminal"), this.command.element));
  }

  async list() {
    this.known = await this.app.engine.catalogue();
    this.catalogue.fill(this.known);
    this.fillIn();
  }

  get index() {
    return Math.min(Math.max(Number(this.app.state.edit) || 0, 0), this.app.state.filter.length - 1);
  }

  /** What the command calls the file of this filter. */
  get file() {
    const before = this.app.state.filter.slice(0, this.index).filter(isDocument).length;
    return before ? `kernel-${before + 1}.json` : "kernel.json";
  }

  get text() {
    return this.app.state.filter[this.index];
  }

  /** A change of the address: a step to go back to, unless one was made just now. */
  go(changes) {
    const now = performance.now();
    this.app.go(changes, { replace: now - this.edited < PAUSE });
    this.edited = now;
  }

  edit(text) {
    this.go({ filter: this.app.state.filter.with(this.index, text) });
  }

  /** Another filter from the catalogue; what suited the last one's results is forgotten. */
  choose(text) {
    const filter = this.app.state.filter.with(this.index, text);
    this.app.go({ filter, range: null, page: null, part: null });
  }

  weigh(kernel) {
    this.document = withKernel(this.document, this.layer, kernel);
    this.edit(formatted(this.document));
  }

  open(file) {
    return this.app.attempt(async () => {
      const { id } = await this.app.engine.upload(file);
      this.app.go({ picture: id, zoom: null, at: null, x: null, y: null });
    });
  }

  show() {
    const { zoom, at, split } = this.app.state;
    if (this.viewer.port.words.zoom !== (zoom ?? null)
      || this.viewer.port.words.at !== (at ?? null)) this.viewer.view = { zoom, at };
    const share = Number(split ?? 0.5);
    if (Math.abs(this.viewer.divider.share - share) > 0.001) this.viewer.divider.share = share;
    this.row.show(this.app.state.filter, this.index);
    this.follow();
  }

  get wanted() {
    const { picture, page } = this.app.state;
    return JSON.stringify([this.app.work, picture, page ?? "0"]);
  }

  /** Asks for what the address says, unless it is shown; where it is refused, the last picture stays. */
  async refresh() {
    const wanted = this.wanted;
    if (wanted === this.done) return this.fillIn();
    try {
      await this.ask();
      this.refuse(null);
      this.done = wanted;
    } catch (error) {
      this.done = null;
      this.refuse(error);
    }
    return wanted === this.wanted ? this.fillIn() : undefined;
  }

  async ask() {
    const { engine, state, work } = this.app;
    const page = Number(state.page) || 0;
    const guess = this.shown.likely(work);
    const guessed = engine.apply(guess, state.picture, page);
    guessed.catch(() => {}); // said below, if it is what is shown
    const before = await engine.picture(state.picture);
    if (!this.after) this.first(before);
    const shown = await this.shown.of(work, [before.height, before.width]);
    const last = Math.min(page, shown.described.pages - 1);
    const same = last === page && JSON.stringify(shown.work) === JSON.stringify(guess);
    const after = await (same ? guessed : engine.apply(shown.work, state.picture, last));
    Object.assign(this, { before, after, described: shown.described });
    this.draw();
  }

  /** The picture alone, until there is a result. */
  first(before) {
    const frame = [before.width, before.height];
    this.viewer.show(frame, { before: placed(before.bitmap, frame) }, before.name);
  }

  draw() {
    const { before, after, described } = this;
    const frame = [before.width, before.height];
    this.result = placed(after.bitmap, frame, undefined, described.layers.at(-1)?.stride);
    this.viewer.show(frame, { before: placed(before.bitmap, frame), after: this.result },
      `${described.name} on ${before.name}`);
    const to = size([after.bitmap.width, after.bitmap.height]);
    const from = size(frame);
    fill(this.facts, element("b", {}, before.name),
      ` ${from}${to === from ? "" : ` → ${to}`}, range ${described.range}`,
      described.range === "signed" ? " (gray is 0)" : "", `, ${short(after.milliseconds, 2)} ms`);
  }

  refuse(error) {
    const here = error && error.filter === this.index && isDocument(this.text);
    this.editor.refuse(here ? { message: error.message, line: error.line, column: error.column } : null);
    this.refusal.hidden = !error || here;
    fill(this.refusal, error?.message ?? "");
    this.wrong = error;
    this.save.disabled = Boolean(here);
  }

  /** Fills every part but the picture. */
  fillIn() {
    const { described, text } = this;
    if (isDocument(text)) this.editor.show(text);
    if (!described) return;
    const file = this.wrong && isDocument(text) ? text : described.files[this.index];
    if (!isDocument(text) && !this.wrong) this.editor.show(file ?? "");
    this.fillGrid(file);
    this.fillSettings();
    this.turn(described.pages);
    this.command.show(described.command);
    fill(this.save, `Download ${this.file}`);
    const { name } = formulaOf(text);
    const formula = this.known?.formulas.find((each) => each.name === name) ?? null;
    this.sliders.show(isDocument(text) ? null : formula, text);
    this.catalogue.show(isDocument(text) ? null : name);
    const { kernels = [], formulas = [] } = this.known ?? {};
    const entry = [...kernels, ...formulas].find((each) => each.name === name);
    fill(this.about, (isDocument(text) ? parsed(text)?.description : entry?.description) ?? "");
  }

  /** The text's own tables where it is a kernel; else what its name, formula or pipeline stands for. */
  fillGrid(file) {
    const own = isDocument(this.text) ? parsed(this.text) : null;
    this.document = own && !own.layers ? own : parsed(file ?? "null");
    const kernels = kernelsIn(this.document);
    const part = kernels[Math.min(Number(this.app.state.part) || 0, kernels.length - 1)];
    this.layer = part?.layer ?? null;
    this.kernels.hidden = kernels.length < 2;
    fill(this.kernels, kernels.map(({ name, layer }, i) => (
      element("option", { value: i, selected: layer === this.layer }, name))));
    const page = Number(this.app.state.page) || 0;
    if (page !== this.paged) this.grid.first = page; // the filter whose result is shown
    this.paged = page;
    const lost = this.wrong?.filter === this.index && this.document !== own;
    this.grid.show(lost ? null : part?.kernel ?? null);
  }

  fillSettings() {
    const own = { ...this.described.kernels?.at(-1), ...this.app.state.range ? {}
      : { range: this.described.range } };
    const usual = { ...own, values: this.document?.values ?? "stored", pool_mode: "max" };
    this.settings.show(this.known?.words ?? this.app.engine.words ?? {}, this.app.state, usual);
  }

  /** Chooses among the pictures of a bank. */
  turn(pages) {
    const page = Math.min(Number(this.app.state.page) || 0, pages - 1);
    const to = (at, text, title) => element("button",
      { type: "button", disabled: at < 0 || at >= pages, "aria-label": title,
      onclick: () => this.app.go({ page: at || null }) }, text);
    this.pages.hidden = pages < 2;
    const held = this.pages.contains(document.activeElement)
      ? document.activeElement.getAttribute("aria-label") : null;
    fill(this.pages, to(page - 1, "←", "Result before"), `Result ${page + 1} of ${pages}`,
      to(page + 1, "→", "Next result"));
    if (held) this.pages.querySelector(`[aria-label="${held}"]`)?.focus();
  }

  /** What stands under the pointer, and the way to its arithmetic. */
  point(px, py, held) {
    if (!this.result) return;
    const [x, y] = under(this.result, [this.after.bitmap.height, this.after.bitmap.width], px, py);
    if (held) this.held = [x, y];
    const link = element("a", { href: this.app.address({ view: "pixel", x, y, layer: null, trail: null,
      channel: this.app.state.page }) },
      "How it is computed");
    fill(this.readout, `column ${x}, row ${y}  `, link);
  }
}
