// Records that could never be processed: why, what they were, and to be sent again.

import { el, replace, button, confirmed, count, number, Table, throttled } from "./dom.js";
import { ask } from "./api.js";
import { stream } from "./stream.js";

const said = el("p", { class: "result", role: "status", tabindex: "-1" });
const complaint = el("p", { class: "error", role: "alert" });
const list = new Table("Dead letters", ["time", "reason", "error", "key", "came from", ["", { "aria-label": "what to do" }]]);
const detail = el("div");
const all = button("Replay all", replayAll, { class: "primary", disabled: true });
const replayedToo = el("input", { type: "checkbox", id: "replayed-too", onchange: () => show() });
let found = [];
let open = false;

/** Return what a call resolves to, and say what went wrong if it does not. */
async function tried(work) {
  list.element.setAttribute("aria-busy", "true");
  replace(complaint);
  try {
    return await work();
  } catch (error) {
    replace(complaint, error.message);
    return null;
  } finally {
    list.element.setAttribute("aria-busy", "false");
  }
}

async function load() {
  const answer = await tried(() => ask("/api/letters"));
  if (answer) found = answer.letters;
  show();
}

function show() {
  const left = found.filter((each) => !each.replayed);
  const shown = replayedToo.checked ? found : left;
  const sendable = left.filter((each) => each.replayable).length;
  all.disabled = sendable === 0;
  replace(all, sendable ? `Replay all ${sendable}` : "Replay all");
  list.show(
    shown.map((each) => [
      number(el("time", {}, time(each))),
      el("span", { class: "chip" }, each.reason ?? "unknown"),
      [each.error ?? "", { class: "long" }],
      [each.key ?? el("span", { class: "faint" }, "none"), { class: "long" }],
      each.origin,
      el("span", { class: "actions" },
        button("Show", () => showOne(each), { "aria-label": `Show the record at ${each.place}` }),
        each.replayable
          ? button("Replay", () => replay([each.place]), { "aria-label": `Replay the record at ${each.place}` })
          : el("span", { class: "faint" }, "names no topic"),
        each.replayed ? el("span", { class: "chip" }, "replayed") : ""),
    ]),
    found.length ? "All were replayed." : "There is none: every record could be processed.");
}

function showOne(letter) {
  const headers = new Table("Headers", ["name", "value"]);
  headers.show(letter.headers.map(([name, value]) => [el("code", {}, name), el("code", {}, value ?? "none")]), "none");
  replace(detail, el("section", { class: "card", "aria-labelledby": "record-title" },
    el("h2", { id: "record-title", tabindex: "-1" }, `Record ${letter.place}`),
    el("dl", {},
      ...[["reason", letter.reason], ["error", letter.error], ["time", letter.time], ["came from", letter.origin], ["key", letter.key ?? "none"]]
        .flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value ?? "–")])),
    el("h3", {}, "Headers"),
    // A name may be there twice: each is shown as it is.
    headers.element,
    el("h3", {}, "Value"),
    el("pre", { tabindex: "0" }, letter.value === null ? "none: a tombstone" : pretty(letter.value)),
    el("p", { class: "actions" }, button("Close", () => replace(detail)))));
  detail.querySelector("h2").focus();
}

async function replay(places) {
  const done = await tried(() => ask("/api/letters/replay", { method: "POST", body: places ? { places } : { all: true } }));
  if (!done) return;
  replace(said, `Sent ${count(done.replayed, "record")} again. What is still poison comes back as a new dead letter.`);
  said.focus(); // the table changes when nobody is in it
  await load();
}

async function replayAll() {
  if (await confirmed("Send all of them again, to the topics they came from?", "Replay all")) await replay(null);
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function time({ time: at }) {
  return at ? at.replace("T", " ").replace(/\.\d+/, "") : "–";
}

const soon = throttled(2_000, () => open && load());
stream.addEventListener("visits", ({ detail: visits }) => {
  if (open && visits.some((each) => each.station === "dead_letters")) soon();
});

export const letters = {
  title: "Dead letters",
  element: el("section", { "aria-labelledby": "letters-title", hidden: true },
    el("h1", { id: "letters-title", tabindex: "-1" }, "Dead letters"),
    el("p", { class: "lead" }, "Records that could not be processed, however often. Mend what was wrong, and send them again."),
    el("div", { class: "card" },
      el("div", { class: "actions" }, all, button("Refresh", load),
        el("label", { for: replayedToo.id, class: "check" }, replayedToo, "show those that were replayed with all others")),
      said, complaint, list.element),
    detail),
  shown: () => {
    open = true;
    load();
  },
  hidden: () => {
    open = false;
  },
};
