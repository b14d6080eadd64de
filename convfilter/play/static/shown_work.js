// What the address asks for, as the views show it: results below zero are shown around mid-gray by default.

/** Describes the work of an address, and keeps the last descriptions: views ask for the same one. */
export class ShownWork {
  constructor(engine) {
    this.engine = engine;
    this.kept = new Map();
    this.guess = false;
  }

  /** The work as it will most likely be shown, before the engine has described it. */
  likely(work) {
    return this.guess && !work.range ? { ...work, range: "signed" } : work;
  }

  /** {work, described}: the work with the range that is shown, and the engine's description of it. */
  async of(work, size) {
    const described = await this.describe(work, size);
    if (!work.range) this.guess = described.signed;
    if (work.range || !described.signed) return { work, described };
    const shown = { ...work, range: "signed" };
    return { work: shown, described: await this.describe(shown, size) };
  }

  describe(work, size) {
    const key = JSON.stringify([work, size]);
    if (!this.kept.has(key)) {
      if (this.kept.size > 7) this.kept.delete(this.kept.keys().next().value);
      const asked = this.engine.describe(work, size);
      asked.catch(() => this.kept.delete(key));
      this.kept.set(key, asked);
    }
    return this.kept.get(key);
  }
}
