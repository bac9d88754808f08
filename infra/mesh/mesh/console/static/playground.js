// Users of a tenant: created, changed, erased, and found while one types.

import { el, replace, button, confirmed, count, debounced, ms } from "./dom.js";
import { call, problem } from "./api.js";
import { Field, Form, tenantField } from "./fields.js";
import { Calls } from "./calls.js";
import { chooseTenant, chosenTenant } from "./mesh.js";
import { follow } from "./following.js";

const SEARCH_PAUSE = 200; // ms without a key before it is searched
const LISTED = 20;
const MODES = [["hybrid", "meaning and words"], ["meaning", "meaning only"], ["words", "words only"]];

const calls = new Calls();
let asking = new AbortController(); // the search or list that is under way: what is older is dropped
let shown = ""; // the question whose answer is listed
let outdated = false; // that answer, while somebody of it is being changed

const tenant = tenantField(chosenTenant(), ["tenant-a", "tenant-b"], (field) => {
  if (chooseTenant(field.value)) {
    field.complain();
    refresh();
  } else {
    field.complain("A letter or digit, then up to 127 letters, digits, ., _ and -.");
  }
});

const created = el("p", { class: "result", role: "status" });
const creating = new Form("Create a user", {
  email: new Field("E-mail", { type: "email", inputmode: "email", name: "email", placeholder: "ada@tenant-a.dev" }),
  name: new Field("Name", { name: "name", placeholder: "Ada Lovelace" }),
  profile: new Field("Profile", { kind: "textarea", rows: 3, name: "profile", placeholder: "What should find this person? Bakes sourdough bread every morning" }),
}, "Create", async (values) => {
  const answer = await asked("POST", "/users/create", { body: values });
  replace(created);
  if (!answer.ok) return problem(answer);
  for (const field of Object.values(creating.fields)) field.value = "";
  replace(created, `Created ${answer.content.name} (${answer.content.id}) in ${ms(answer.milliseconds)}. `,
    answer.traceId ? el("a", { href: `#/pipeline/${answer.traceId}` }, "Follow the event to the index") : "");
  if (answer.traceId) follow(answer.traceId, () => refresh());
  refresh();
});

const query = new Field("Search", { type: "search", name: "query", placeholder: "someone who bakes", maxlength: 500 });
const mode = new Field("Mode", { kind: "select", name: "mode", options: MODES });
const minScore = new Field("minScore", { type: "number", name: "minScore", min: -1, max: 1, step: 0.01, value: 0.33 });
const summary = el("p", { class: "hint", role: "status" });
const complaint = el("p", { class: "error", role: "alert" });
const results = el("ol", { class: "people" });

const soon = debounced(SEARCH_PAUSE, refresh);
for (const field of [query, mode, minScore]) field.input.addEventListener("input", soon);

/** Call the API as the tenant that is chosen, and show the call. */
async function asked(method, path, options) {
  const answer = await call(tenant.value, method, path, options);
  calls.add(answer);
  return answer;
}

/** Show who is found, or without a query the tenant's users. */
async function refresh() {
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  const text = query.value.trim();
  try {
    const answer = text
      ? await asked("GET", "/ai/users/search", { signal, query: { query: text, limit: LISTED, mode: mode.value, minScore: minScore.value } })
      : await asked("GET", "/users", { signal, query: { limit: LISTED } });
    if (!signal.aborted) show(answer, text);
  } catch (error) {
    if (error.name !== "AbortError") throw error;
  }
}

function show(answer, text) {
  const { said, fields } = answer.ok ? { said: "", fields: {} } : problem(answer);
  for (const [name, field] of Object.entries({ query, mode, minScore })) field.complain(fields[name]);
  replace(complaint, Object.keys(fields).some((name) => ["query", "mode", "minScore"].includes(name)) ? "" : said);
  if (!answer.ok) return replace(summary);
  const question = JSON.stringify([tenant.value, text, mode.value, minScore.value]);
  outdated = question === shown && results.querySelector("form") !== null;
  if (outdated) return; // a form is not taken away from who writes in it
  shown = question;
  const found = text ? answer.content.results : answer.content.users;
  replace(results, found.map((each) => person({ id: each.userId, ...each })));
  const more = answer.content.nextCursor ? ", and there are more" : "";
  replace(summary, text
    ? `${found.length ? count(found.length, "user") : "Nobody"} found in ${ms(answer.milliseconds)}${more}.`
    : `${found.length ? `The tenant's first ${count(found.length, "user")}` : "The tenant has no users yet"}${more}, in ${ms(answer.milliseconds)}.`);
}

function person(user) {
  const element = el("li", { class: "person" });
  const read = () => {
    replace(element, ...face());
    if (outdated) refresh();
  };
  const face = () => [
    el("div", { class: "who" },
      el("h3", {}, user.name, " ", el("span", { class: "faint" }, user.email)),
      el("p", {}, user.profile || el("span", { class: "faint" }, "no profile")),
      "matched" in user ? why(user) : ""),
    el("p", { class: "actions" },
      button("Change", change, { "aria-label": `Change ${user.name}` }),
      button("Erase", erase, { "aria-label": `Erase ${user.name}` })),
  ];
  const change = () => {
    const form = new Form(`Change ${user.name}`, {
      email: new Field("E-mail", { type: "email", value: user.email }),
      name: new Field("Name", { value: user.name }),
      profile: new Field("Profile", { kind: "textarea", rows: 3 }),
    }, "Save", async (values) => {
      const changes = Object.fromEntries(Object.entries(values).filter(([name, value]) => value !== user[name]));
      const answer = await asked("PATCH", `/users/${user.id}`, { body: changes });
      if (!answer.ok) return problem(answer);
      Object.assign(user, answer.content);
      read();
      element.querySelector("button").focus();
      if (answer.traceId) follow(answer.traceId, () => refresh());
    }, [button("Cancel", read)]);
    form.fields.profile.value = user.profile;
    replace(element, form.element);
    form.fields.email.input.focus();
  };
  const erase = async () => {
    if (!await confirmed(`Erase ${user.name}? Nothing brings this user back.`, "Erase")) return;
    const answer = await asked("DELETE", `/users/${user.id}`);
    if (answer.ok || answer.status === 404) element.remove();
    replace(answer.ok ? summary : complaint, answer.ok ? `Erased ${user.name}.` : problem(answer).said);
    if (answer.ok && answer.traceId) follow(answer.traceId, () => refresh());
  };
  replace(element, ...face());
  return element;
}

/** Return why a user was found: what matched, how near it is, and its topics. */
function why(user) {
  const score = user.score === null ? [] : [
    el("meter", { min: 0, max: 1, value: Math.max(user.score, 0), "aria-hidden": "true" }),
    el("span", { class: "number" }, `score ${user.score.toFixed(3)}`)];
  return el("p", { class: "why" },
    ...score,
    el("span", {}, "found by ", ...user.matched.map((each) => el("span", { class: "chip" }, each))),
    ...user.topics.map((each) => el("span", { class: "chip topic" }, `topic: ${each}`)));
}

export const playground = {
  title: "Playground",
  element: el("section", { "aria-labelledby": "playground-title", hidden: true },
    el("h1", { id: "playground-title", tabindex: "-1" }, "Playground"),
    el("p", { class: "lead" }, "Create people in a tenant, and find them by what they do. No tenant sees another's."),
    el("div", { class: "columns" },
      el("div", {},
        el("div", { class: "card" }, tenant.element),
        el("div", { class: "card" }, el("h2", {}, "Create a user"), creating.element, created)),
      el("div", {},
        el("section", { class: "card", "aria-labelledby": "search-title" },
          el("h2", { id: "search-title" }, "Users"),
          el("div", { role: "search" }, query.element, el("div", { class: "row" }, mode.element, minScore.element)),
          summary, complaint, results))),
    calls.element),
  shown: () => {
    tenant.value = chosenTenant();
    refresh();
  },
};
