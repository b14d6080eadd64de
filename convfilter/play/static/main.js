// Starts the page of a server: its engine, and all views.

import { App } from "./app.js";
import { element, fill } from "./dom.js";
import { format, parse } from "./state.js";
import { Server } from "./server.js";
import { view as filterView } from "./filter_view.js";
import { view as pixelView } from "./pixel_view.js";
import { view as windowView } from "./window_view.js";
import { view as layersView } from "./layers_view.js";
import { view as networkView } from "./network_view.js";
import { view as figuresView } from "./figures_view.js";

const VIEWS = [filterView, pixelView, windowView, layersView, networkView, figuresView];
const TOKEN = "convfilter-token";

/** The token that the address carried, kept for this tab and others, and taken out of the address. */
function takeToken() {
  const { token, ...state } = parse(location.hash);
  if (token) {
    localStorage.setItem(TOKEN, token);
    history.replaceState(null, "", format(state));
  }
  return localStorage.getItem(TOKEN) ?? "";
}

async function run() {
  const engine = new Server(takeToken());
  const start = await engine.start();
  new App(engine, start, VIEWS).show();
}

run().catch((error) => {
  fill(document.getElementById("main"), element("p", { class: "refusal", role: "alert" }, error.message));
});
