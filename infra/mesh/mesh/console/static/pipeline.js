// What goes through the mesh, station by station; and one event, followed through it.

import { el, replace, button, count, ms, number, Table, throttled } from "./dom.js";
import { call, problem } from "./api.js";
import { Drawing, STATIONS } from "./drawing.js";
import { Field } from "./fields.js";
import { way } from "./following.js";
import { chosenTenant, mesh } from "./mesh.js";
import { stream } from "./stream.js";

const PROFILES = ["Bakes sourdough bread every morning", "Repairs old sailing boats", "Teaches chess to children", "Breeds alpine goats", "Restores church organs"];
const drawing = new Drawing();
const numbers = new Table("Stations", ["station", number("now"), number("last minute"), number("failed"), "waits"]);
const lags = el("p", { class: "hint" });
const pollerError = el("div", { role: "status" });
const outcome = el("p", { class: "result", role: "status" });
const steps = el("ol", { class: "way" });
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
    return [title, number(said[name].figure), number(String(lastMinute)), number(String(failed)), said[name].waiting];
  });
  numbers.show(rows);
  const lag = Object.entries(mesh.meters.poller?.lag ?? {}).sort().map(([partition, waiting]) => `${partition}: ${waiting}`);
  replace(lags, lag.length ? `Waiting by partition: ${lag.join(", ")}` : "");
  const error = mesh.meters.poller?.error ?? "";
  if (pollerError.dataset.said === error) return;
  pollerError.dataset.said = error;
  replace(pollerError, error ? el("p", { class: "notice" }, `The poller's last error: ${error}`) : "");
}

const showWay = throttled(100, async () => {
  const id = followedId;
  let found;
  try {
    found = await way(id);
  } catch (error) {
    return say(error.message);
  }
  if (id !== followedId) return;
  if (!found.steps.length) return say("Nothing of this trace has come here yet.");
  const whole = Math.max(...found.steps.map((step) => step.after + step.took), 1);
  replace(outcome,
    found.searchableAfter === null ? "Not searchable by now. " : `Searchable ${ms(found.searchableAfter)} after the request came. `,
    el("a", { href: `#/traces/${id}` }, "All of its spans"));
  replace(steps, found.steps.map((step) => el("li", { class: step.failed ? "failed" : "" },
    el("span", { class: "name" }, STATIONS[step.station].title, step.failed ? " (failed)" : ""),
    el("span", { class: "faint" }, step.what),
    bar(step.after, step.took, whole, step.failed),
    el("span", { class: "number" }, `at ${ms(step.after)}`),
    el("span", { class: "number" }, `for ${ms(step.took)}`))));
});

/** Say something instead of the way of a trace. */
function say(text) {
  replace(outcome, text);
  replace(steps);
}

/** Return a bar from `after`, `took` long, of a `whole`. */
export function bar(after, took, whole, failed) {
  const part = el("span", { class: failed ? "failed" : "" });
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
    return say([said, ...Object.values(fields)].join(" "));
  }
  if (answer.traceId) location.hash = `#/pipeline/${answer.traceId}`;
  else say("Created. Its answer names no trace, so that it cannot be followed.");
}

export const pipeline = {
  title: "Pipeline",
  element: el("section", { "aria-labelledby": "pipeline-title", hidden: true },
    el("h1", { id: "pipeline-title", tabindex: "-1" }, "Pipeline"),
    el("p", { class: "lead" }, "The way of an event, from the request to the index. Each station says how many events pass it in a second, what waits there, and what failed in the last minute."),
    el("div", { class: "card" }, drawing.element, pollerError,
      el("details", {}, el("summary", {}, "The same as a table"), numbers.element, lags)),
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
      outcome, steps)),
  shown: (traceId) => {
    showNumbers();
    if (traceId) followTrace(traceId);
  },
};
