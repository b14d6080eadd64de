// Starts a page that stands alone: one filter, one picture, and everything computed here.

import { App } from "./app.js";
import { element, fill } from "./dom.js";
import { view as filterView } from "./filter_view.js";
import { view as pixelView } from "./pixel_view.js";
import { view as windowView } from "./window_view.js";
import { view as layersView } from "./layers_view.js";
import { Local } from "./local.js";

const VIEWS = [filterView, pixelView, windowView, layersView];

async function run() {
  const data = JSON.parse(document.getElementById("page-data").textContent);
  if (!location.hash) history.replaceState(null, "", data.address);
  const engine = new Local(data);
  const start = await engine.start();
  fill(document.getElementById("check"), engine.said);
  new App(engine, start, VIEWS).show();
}

run().catch((error) => {
  fill(document.getElementById("main"), element("p", { class: "refusal", role: "alert" }, error.message));
});
