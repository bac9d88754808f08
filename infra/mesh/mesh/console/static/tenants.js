// What each tenant does, and what it may still do.

import { el, number, replace, Table } from "./dom.js";
import { ask } from "./api.js";
import { chooseTenant } from "./mesh.js";

const EVERY = 5_000; // ms
const complaint = el("p", { class: "error", role: "alert" });
const list = new Table("Tenants", ["tenant", ...["searchable users", "created", "searches", "requests", "throttled"].map(number), "rate left"]);
let timer = null;

list.show([], "Counting…");

async function load() {
  try {
    show((await ask("/api/tenants")).tenants);
    replace(complaint);
  } catch (error) {
    replace(complaint, error.message);
  }
}

function show(tenants) {
  list.show(tenants.map(({ tenant, counts, users, left }) => [
    tenant === "_other" ? "all others" : el("a", { href: "#/playground", onclick: () => chooseTenant(tenant) }, tenant),
    ...[users, counts.created, counts.searches, counts.requests].map((each) => number(each?.toLocaleString("en") ?? "–")),
    number(counts.throttled ? el("strong", {}, `⚠ ${counts.throttled.toLocaleString("en")}`) : "0"),
    (left ?? []).map(quota),
  ]), "Nobody has called yet, or so lately that the metrics do not know of it.");
}

function quota({ group, remaining, burst }) {
  return el("span", { class: "chip number" }, `${group.replaceAll("_", " ")} ${remaining}/${burst}`);
}

export const tenants = {
  title: "Tenants",
  element: el("section", { "aria-labelledby": "tenants-title", hidden: true },
    el("h1", { id: "tenants-title", tabindex: "-1" }, "Tenants"),
    el("p", { class: "lead" }, "What each tenant has done since the mesh is up, and how many requests it may send at this moment. The twenty that call most are named."),
    el("div", { class: "card" }, complaint, list.element)),
  shown: () => {
    clearInterval(timer);
    timer = setInterval(() => document.hidden || load(), EVERY);
    load();
  },
  hidden: () => clearInterval(timer),
};
