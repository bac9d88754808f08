// The frame of the page: which view is shown, whether the stream is live, and what a person has to know.

import { el, replace, button } from "./dom.js";
import { stream } from "./stream.js";
import { mesh } from "./mesh.js";
import { playground } from "./playground.js";
import { pipeline } from "./pipeline.js";
import { letters } from "./letters.js";
import { traces } from "./traces.js";
import { tenants } from "./tenants.js";

// A view: title, element, and perhaps shown(rest of the hash) and hidden().
const VIEWS = { playground, pipeline, letters, traces, tenants };
const CONNECTIONS = {
  connecting: "connecting…",
  live: "live",
  lost: "connection lost, trying again…",
  outdated: "outdated",
};

const main = document.getElementById("main");
const connection = document.getElementById("connection");
const notices = document.getElementById("notices");
let current = null;

function route(moved) {
  const [name, ...rest] = location.hash.replace(/^#\/?/, "").split("/");
  const view = VIEWS[name] ?? playground;
  if (current !== view) current?.hidden?.();
  for (const each of Object.values(VIEWS)) each.element.hidden = each !== view;
  for (const link of document.querySelectorAll("nav a")) {
    if (VIEWS[link.hash.slice(2)] === view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${view.title} – Event Mesh`;
  if (moved && current !== view) view.element.querySelector("h1").focus();
  current = view;
  view.shown?.(rest.join("/"));
}

function notice() {
  const said = [];
  const { state, endpoint } = mesh.tracing;
  if (state === "off") {
    said.push(["Tracing is off: OtlpEndpoint is empty. What waits is shown, but not what passes, and no trace is kept here. ",
      "To have it on: mesh up --parameter OtlpEndpoint=" + location.origin]);
  } else if (state === "elsewhere") {
    said.push([`Traces go to ${endpoint}, and not to this page: what waits is shown, but not what passes. `,
      "To have them here: mesh up --parameter OtlpEndpoint=" + location.origin]);
  }
  const down = Object.entries(mesh.meters.components).filter(([, up]) => !up).map(([name]) => name);
  if (down.length) said.push([`Down: ${down.join(", ")}. `, "To start again what crashed: mesh up"]);
  const text = said.flat().join("");
  if (notices.dataset.said === text) return;
  notices.dataset.said = text;
  replace(notices, said.map(([what, how]) => el("p", { class: "notice" }, what, el("span", { class: "how" }, how))));
}

stream.addEventListener("connection", ({ detail }) => {
  connection.dataset.state = detail;
  replace(connection, el("span", { class: "lamp", "aria-hidden": "true" }), CONNECTIONS[detail]);
  if (detail === "outdated") {
    notices.dataset.said = "outdated";
    replace(notices, el("p", { class: "notice" }, "The console has started anew since this page was loaded. ",
      button("Reload", () => location.reload())));
  }
});
mesh.addEventListener("change", notice);

main.append(...Object.values(VIEWS).map((view) => view.element));
window.addEventListener("hashchange", () => route(true));
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the hash says which view is shown
  main.focus();
});
route(false);
stream.start();
