// Elements in one expression: element("button", { onclick: go, class: "plain" }, "Go").

/**
 * A new element. Attributes that begin with "on" are listeners, those that are true or false are set or left
 * out, `class` and the rest are attributes; null and undefined are left out. Children are nodes, texts or lists.
 */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  setAttributes(made, attributes);
  made.append(...nodes(children));
  return made;
}

/** The same for SVG. */
export function svg(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  setAttributes(made, attributes);
  made.append(...nodes(children));
  return made;
}

/** Replaces what an element holds. */
export function fill(parent, ...children) {
  parent.replaceChildren(...nodes(children));
  return parent;
}

function setAttributes(made, attributes) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : value);
  }
}

function nodes(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}

/** A control under its name: label("Border", select). */
export function label(text, control, hint = null) {
  return element("label", { class: "field" }, element("span", { class: "name" }, text), control,
    hint && element("span", { class: "hint" }, hint));
}

/** Calls `action` once the calls have paused for so many milliseconds. */
export function afterPause(milliseconds, action) {
  let timer = null;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => action(...values), milliseconds);
  };
}

/** Calls `action` at once, and then at most once in so many milliseconds; the last call is never lost. */
export function spaced(milliseconds, action) {
  let timer = null;
  let again = false;
  const rest = () => {
    timer = again ? setTimeout(rest, milliseconds) : null;
    if (again) action();
    again = false;
  };
  return () => {
    again = timer !== null;
    if (again) return;
    action();
    timer = setTimeout(rest, milliseconds);
  };
}

/** Runs one asynchronous job at a time; of the calls meanwhile only the last one follows. */
export function latest(job) {
  let running = false;
  let waiting = null;
  return async function call(...values) {
    if (running) {
      waiting = values;
      return;
    }
    running = true;
    try {
      await job(...values);
    } finally {
      running = false;
      const next = waiting;
      waiting = null;
      if (next) call(...next);
    }
  };
}
