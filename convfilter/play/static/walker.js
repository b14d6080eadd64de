// Playing: steps that follow each other by themselves, with buttons to go through them by hand.

import { element, label } from "./dom.js";

/** Whether the person has asked their system for less motion; then nothing moves unless it is told to. */
export function calm() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

/** A row of buttons that walks over `count` steps: Play or Pause, one step on or back, first, speed. */
export class Walker {
  /** stepped(step, playing) is called for every step; `playing` is true while the next follows by itself. */
  constructor(stepped) {
    Object.assign(this, { stepped, step: 0, count: 1, timer: null });
    this.play = element("button", { class: "main", onclick: () => this.toggle() }, "Play");
    this.first = element("button", { onclick: () => this.to(0) }, "First");
    this.back = element("button", { onclick: () => this.to(this.step - 1) }, "Back");
    this.next = element("button", { onclick: () => this.to(this.step + 1) }, "Step");
    this.speed = element("input", { type: "range", min: 1, max: 8, value: 3 });
    const slide = () => this.to(Number(this.slider.value));
    this.slider = element("input", { type: "range", min: 0, value: 0, "aria-label": "Step", oninput: slide });
    const buttons = element("div", { class: "row" }, this.play, this.back, this.next, this.first,
      element("div", { class: "speed" }, label("Speed", this.speed)));
    this.element = element("div", { class: "stack walker" }, buttons, this.slider);
  }

  get playing() {
    return this.timer !== null;
  }

  /** Takes over what the address says, without calling back. */
  set(step, count) {
    Object.assign(this, { count, step: Math.max(0, Math.min(step, count - 1)) });
    this.slider.max = count - 1;
    this.slider.value = this.step;
    this.slider.setAttribute("aria-valuetext", `Step ${this.step + 1} of ${count}`);
    this.back.disabled = this.first.disabled = this.step === 0;
    this.next.disabled = this.step === count - 1;
  }

  to(step) {
    this.pause();
    this.set(step, this.count);
    this.stepped(this.step, false);
  }

  toggle() {
    if (this.playing) this.to(this.step);
    else this.start();
  }

  /** Plays on, from the start where the end was reached. */
  start() {
    if (this.playing) return;
    if (this.step === this.count - 1) this.set(0, this.count);
    this.play.textContent = "Pause";
    this.stepped(this.step, true);
    this.wait();
  }

  pause() {
    clearTimeout(this.timer);
    this.timer = null;
    this.play.textContent = "Play";
  }

  wait() {
    this.timer = setTimeout(() => this.advance(), 1000 / Number(this.speed.value));
  }

  /** The next step, unless another view has been opened meanwhile. */
  advance() {
    if (!this.element.isConnected) return this.pause();
    this.set(this.step + 1, this.count);
    if (this.step === this.count - 1) this.pause();
    this.stepped(this.step, this.playing);
    if (this.playing) this.wait();
  }
}
