// Taking along what is shown: text to the clipboard, text as a file.

import { element, fill } from "./dom.js";

/** A line of code with a button that copies it: {element, show(text)}. */
export function copyable(name) {
  const spoken = { role: "textbox", "aria-readonly": "true", "aria-label": "Command" };
  const code = element("code", { tabindex: 0, ...spoken });
  const said = element("span", { class: "soft", role: "status" });
  const button = element("button", { type: "button", onclick: async () => fill(said, await copied(code)) },
    name);
  const show = (text) => {
    if (code.textContent !== text) fill(said);
    code.textContent = text;
  };
  const row = element("div", { class: "row" }, button, said);
  return { element: element("div", { class: "copyable stack" }, code, row), show };
}

/** Copies an element's text; where the browser doesn't allow it, selects it. */
async function copied(code) {
  try {
    await navigator.clipboard.writeText(code.textContent);
    return "Copied.";
  } catch {
    getSelection().selectAllChildren(code);
    return "Selected; press Ctrl+C.";
  }
}

/** Saves a text as a file. */
export function download(name, text) {
  const address = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  element("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}
