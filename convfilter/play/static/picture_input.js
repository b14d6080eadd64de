// One's own picture: a file that is chosen, or dropped on what is there.

import { element } from "./dom.js";

/** `ongive(file)` gets a file; `target` is where one may be dropped. */
export function pictureInput(target, ongive) {
  const input = element("input", {
    type: "file", accept: "image/*,.npy,.tif,.tiff,.pgm,.ppm", class: "visually-hidden", tabindex: -1,
      "aria-hidden": "true",
    onchange: () => { if (input.files[0]) ongive(input.files[0]); input.value = ""; },
  });
  const over = (event) => {
    if (![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    target.classList.toggle("dropping", event.type !== "dragleave");
  };
  target.addEventListener("dragenter", over);
  target.addEventListener("dragover", over);
  target.addEventListener("dragleave", over);
  target.addEventListener("drop", (event) => {
    event.preventDefault();
    target.classList.remove("dropping");
    if (event.dataTransfer.files[0]) ongive(event.dataTransfer.files[0]);
  });
  const button = element("button", {
    type: "button", title: "Or drop one on the picture", onclick: () => input.click(),
  }, "Open a picture…");
  return [button, input];
}
