// What goes through the mesh, station by station; and one event, followed through it.

import { el, replace, button, count, ms, table, throttled } from "./dom.js";
import { call, problem } from "./api.js";
import { Drawing, STATIONS } from "./drawing.js";
import { Field } from "./fields.js";
import { way } from "./following.js";
import { chosenTenant, mesh } from "./mesh.js";
import { stream } from "./stream.js";

const PROFILES = ["Bakes sourdough bread every morning", "Repairs old sailing boats", "Teaches chess to children", "Breeds alpine goats", "Restores church organs"];
const drawing = new Drawing();
const numbers = el("div");
const followed = el("div", { role: "status" });
const trace = new Field("Follow a trace", { name: "trace", spellcheck: "false", maxlength: 32, pattern: "[0-9a-f]{32}",
  hint: "What an answer's traceresponse has between its first two dashes." });
let followedId = "";

stream.addEventListener("visits", ({ detail }) => {
  const relayed = detail.some((each) => each.station === "relay");
  for (const name of new Set(detail.map((each) => each.station))) drawing.hit(name, relayed && name === "kafka");
  if (followedId && detail.some((each) => each.traces.includes(followedId))) showWay();
});
mesh.addEventListener("change", showNumbers);

/** Return what is said of a station: figure, waiting and trouble. */
function station(name) {
  const { stations, outbox, poller, points, deadLetters, relayed } = mesh.meters;
  const { perSecond = 0, failed = 0 } = stations[name] ?? {};
  const lag = poller ? Object.values(poller.lag).reduce((sum, each) => sum + each, 0) : null;
  const waiting = {
    table: outbox === null ? "" : outbox ? `${outbox} in the outbox` : "outbox empty",
    kafka: lag === null ? "" : `${lag} waiting`,
    poller: poller ? poller.state : "does not answer",
    qdrant: points === null ? "" : count(points, "point"),
    relay: relayed === null ? "" : `${relayed} relayed so far`,
    dead_letters: deadLetters === null ? "" : `${deadLetters} so far`,
  }[name] ?? "";
  const trouble = name === "poller" && poller?.error ? "last error below" : failed ? `${failed} failed` : "";
  return { figure: `${perSecond.toFixed(1)}/s`, waiting, trouble };
}

function showNumbers() {
  const said = Object.fromEntries(Object.keys(STATIONS).map((name) => [name, station(name)]));
  drawing.show(said);
  const rows = Object.entries(STATIONS).map(([name, { title }]) => {
    const { lastMinute = 0, failed = 0 } = mesh.meters.stations[name] ?? {};
    return [title, [said[name].figure, { class: "number" }], [String(lastMinute), { class: "number" }], [String(failed), { class: "number" }], said[name].waiting];
  });
  const open = numbers.querySelector("details")?.open ?? false;
  const lag = Object.entries(mesh.meters.poller?.lag ?? {}).sort().map(([partition, waiting]) => `${partition}: ${waiting}`);
  replace(numbers,
    mesh.meters.poller?.error ? el("p", { class: "notice" }, `The poller's last error: ${mesh.meters.poller.error}`) : "",
    el("details", { open },
      el("summary", {}, "The same as a table"),
      table("Stations", ["station", ["now", { class: "number" }], ["last minute", { class: "number" }], ["failed", { class: "number" }], "waits"], rows, ""),
      lag.length ? el("p", { class: "hint" }, `Waiting by partition: ${lag.join(", ")}`) : ""));
}

const showWay = throttled(100, async () => {
  const id = followedId;
  if (!id) return replace(followed);
  let found;
  try {
    found = await way(id);
  } catch (error) {
    return replace(followed, el("p", { class: "error" }, error.message));
  }
  if (id !== followedId) return;
  if (!found.steps.length) return replace(followed, el("p", { class: "faint" }, "Nothing of this trace has come here yet."));
  const whole = Math.max(...found.steps.map((step) => step.after + step.took), 1);
  replace(followed,
    el("p", { class: "result" }, found.searchableAfter === null
      ? "On its way…"
      : `Searchable ${ms(found.searchableAfter)} after the request came. `,
      " ", el("a", { href: `#/traces/${id}` }, "All of its spans")),
    el("ol", { class: "way" }, found.steps.map((step) => el("li", { class: step.failed ? "failed" : "" },
      el("span", { class: "name" }, STATIONS[step.station].title, step.failed ? " (failed)" : ""),
      el("span", { class: "faint" }, step.what),
      bar(step.after, step.took, whole),
      el("span", { class: "number" }, `at ${ms(step.after)}`),
      el("span", { class: "number" }, `for ${ms(step.took)}`)))));
});

/** Return a bar from `after`, `took` long, of a `whole`. */
export function bar(after, took, whole) {
  const part = el("span", {});
  part.style.marginInlineStart = `${(100 * after) / whole}%`;
  part.style.inlineSize = `max(3px, ${(100 * took) / whole}%)`;
  return el("span", { class: "bar", "aria-hidden": "true" }, part);
}

function followTrace(id) {
  followedId = id;
  trace.value = id;
  showWay();
}

async function createOne() {
  const number = Math.random().toString(36).slice(2, 8);
  const tenant = chosenTenant();
  const body = { email: `guest-${number}@${tenant.toLowerCase().replace(/[^a-z0-9-]/g, "-")}.dev`, name: `Guest ${number}`, profile: PROFILES[Math.floor(Math.random() * PROFILES.length)] };
  const answer = await call(tenant, "POST", "/users/create", { body });
  if (!answer.ok) {
    const { said, fields } = problem(answer);
    return replace(followed, el("p", { class: "error" }, [said, ...Object.values(fields)].join(" ")));
  }
  if (answer.traceId) location.hash = `#/pipeline/${answer.traceId}`;
  else replace(followed, el("p", { class: "faint" }, "Created. Its answer names no trace, so that it cannot be followed."));
}

export const pipeline = {
  title: "Pipeline",
  element: el("section", { "aria-labelledby": "pipeline-title", hidden: true },
    el("h1", { id: "pipeline-title", tabindex: "-1" }, "Pipeline"),
    el("p", { class: "lead" }, "The way of an event, from the request to the index. Each station says how many events pass it in a second, what waits there, and what failed in the last minute."),
    el("div", { class: "card" }, drawing.element, numbers),
    el("section", { class: "card", "aria-labelledby": "follow-title" },
      el("h2", { id: "follow-title" }, "Follow one event"),
      el("form", { class: "row", onsubmit: (event) => {
        event.preventDefault();
        location.hash = `#/pipeline/${trace.value.trim()}`;
      } },
        trace.element,
        el("p", { class: "actions" },
          el("button", { type: "submit" }, "Follow"),
          button("Create a user and follow it", createOne, { class: "primary" }))),
      followed)),
  shown: (traceId) => {
    showNumbers();
    if (traceId) followTrace(traceId);
  },
};
