// What each tenant does, and what it may still do.

import { el, replace, table } from "./dom.js";
import { ask } from "./api.js";
import { chooseTenant } from "./mesh.js";

const EVERY = 5_000; // ms
const complaint = el("p", { class: "error", role: "alert" });
const list = el("div", {}, el("p", { class: "faint" }, "Counting…"));
let timer = null;

async function load() {
  try {
    show((await ask("/api/tenants")).tenants);
    replace(complaint);
  } catch (error) {
    replace(complaint, error.message);
  }
}

function show(tenants) {
  const number = (value) => [value === null || value === undefined ? "–" : value.toLocaleString("en"), { class: "number" }];
  const heads = ["tenant", ...["searchable users", "created", "searches", "requests", "throttled"].map((head) => [head, { class: "number" }]), "rate left"];
  replace(list, table("Tenants", heads, tenants.map(({ tenant, counts, users, left }) => [
    tenant === "_other" ? "all others" : el("a", { href: "#/playground", onclick: () => chooseTenant(tenant) }, tenant),
    number(users), number(counts.created), number(counts.searches), number(counts.requests),
    [counts.throttled ? el("strong", {}, `⚠ ${counts.throttled.toLocaleString("en")}`) : "0", { class: "number" }],
    (left ?? []).map(quota),
  ]), "Nobody has called yet."));
}

function quota({ group, remaining, burst }) {
  return el("span", { class: "chip number" }, `${group.replaceAll("_", " ")} ${remaining}/${burst}`);
}

export const tenants = {
  title: "Tenants",
  element: el("section", { "aria-labelledby": "tenants-title", hidden: true },
    el("h1", { id: "tenants-title", tabindex: "-1" }, "Tenants"),
    el("p", { class: "lead" }, "What each tenant has done since the mesh is up, and how many requests it may send at this moment. The twenty that call most are named."),
    el("div", { class: "card" }, complaint, list)),
  shown: () => {
    clearInterval(timer);
    timer = setInterval(() => document.hidden || load(), EVERY);
    load();
  },
  hidden: () => clearInterval(timer),
};
