// The last traces, and one of them as a waterfall, with those that link to it and that it links to.

import { el, replace, button, count, ms, number, Table, throttled } from "./dom.js";
import { ask } from "./api.js";
import { Field } from "./fields.js";
import { bar } from "./pipeline.js";
import { mesh } from "./mesh.js";
import { stream } from "./stream.js";

const NANOS = 1_000_000n;
const filter = new Field("Filter by name", { type: "search", name: "filter", placeholder: "POST, enrich, process …" });
const summary = el("p", { class: "hint", role: "status" });
const complaint = el("p", { class: "error", role: "alert" });
const list = new Table("Traces", [number("began"), "function", "what", number("spans"), number("took"), "state"]);
const detail = el("div");
let last = [];
let shownId = "";
let shownSpans = 0;
let open = false;

filter.input.addEventListener("input", show);

async function load() {
  try {
    last = (await ask("/traces")).traces;
    replace(complaint);
  } catch (error) {
    replace(complaint, error.message);
  }
  show();
  if (shownId) await loadOne();
}

function show() {
  const wanted = filter.value.trim().toLowerCase();
  const shown = last.filter((each) => `${each.service} ${each.name}`.toLowerCase().includes(wanted));
  replace(summary, `${count(shown.length, "trace")}${wanted ? ` of ${last.length}` : ""}, the newest first.`);
  list.show(shown.map((each) => [
    number(new Date(Number(BigInt(each.startTimeUnixNano) / NANOS)).toLocaleTimeString()),
    each.service,
    el("a", { href: `#/traces/${each.traceId}`, "aria-current": each.traceId === shownId ? "true" : null }, each.name),
    number(String(each.spans)),
    number(ms(each.milliseconds)),
    each.failed ? el("span", { class: "status bad" }, "failed") : el("span", { class: "status good" }, "ok"),
  ]), mesh.tracing.state === "here" ? "None yet. Create a user in the playground." : "No traces are sent here.");
}

async function loadOne() {
  const id = shownId;
  let spans;
  try {
    ({ spans } = await ask(`/traces/${encodeURIComponent(id)}`));
  } catch (error) {
    return replace(detail, el("p", { class: "error", role: "alert" }, error.message));
  }
  if (id !== shownId || spans.length === shownSpans) return;
  shownSpans = spans.length; // as long as there is nothing new, what was opened stays open
  showOne(id, spans);
}

function showOne(id, spans) {
  const starts = spans.map((span) => BigInt(span.startTimeUnixNano));
  const begun = starts.reduce((least, each) => (each < least ? each : least));
  const after = (span) => Number(BigInt(span.startTimeUnixNano) - begun) / 1e6;
  const whole = Math.max(...spans.map((span) => after(span) + span.milliseconds), 0.001);
  const others = [...new Set(spans.flatMap((span) => [span.traceId, ...span.links.map((link) => link.traceId)]))].filter((each) => each !== id);
  const waterfall = new Table("Spans", ["what", ["function", { class: "function" }], "when", number("at"), number("took")]);
  waterfall.show(below(null, spans, 0).map(([depth, span]) => [
    [what(span, depth, id), { class: span.failed ? "what failed" : "what" }],
    [span.service, { class: "function" }],
    [bar(after(span), span.milliseconds, whole, span.failed), { class: "when" }],
    number(ms(after(span))),
    number(ms(span.milliseconds)),
  ]));
  replace(detail, el("section", { class: "card", "aria-labelledby": "trace-title" },
    el("h2", { id: "trace-title", tabindex: "-1" }, "Trace ", el("code", {}, id)),
    el("p", { class: "hint" }, `${count(spans.length, "span")} in ${ms(whole)}, as they were sent: no clock was corrected. `,
      el("a", { href: `#/pipeline/${id}` }, "By station")),
    others.length ? el("p", {}, "Linked traces: ", ...others.slice(0, 20).map((each) => [el("a", { href: `#/traces/${each}` }, el("code", {}, each.slice(0, 8))), " "]).flat(),
      others.length > 20 ? `and ${others.length - 20} more` : "") : "",
    waterfall.element,
    el("p", { class: "actions" }, button("Close", () => { location.hash = "#/traces"; }))));
}

function what(span, depth, id) {
  const element = el("details", {},
    el("summary", {}, span.name, span.failed ? " (failed)" : "", span.traceId === id ? "" : el("span", { class: "chip" }, "linked")),
    el("dl", {}, [["kind", span.kind], ...Object.entries(span.attributes)].flatMap(([name, value]) =>
      [el("dt", {}, name), el("dd", {}, typeof value === "object" ? JSON.stringify(value) : String(value))])));
  element.style.paddingInlineStart = `${depth * 1.1}em`;
  return element;
}

/** Return spans below a parent with their depth, as they began; one whose parent is not there stands at the root. */
function below(parent, spans, depth) {
  const there = new Set(spans.map((span) => span.spanId));
  return spans
    .filter((span) => (there.has(span.parentSpanId) ? span.parentSpanId : null) === parent)
    .flatMap((span) => [[depth, span], ...below(span.spanId, spans, depth + 1)]);
}

const soon = throttled(1_000, () => open && load());
stream.addEventListener("visits", () => open && soon());

export const traces = {
  title: "Traces",
  element: el("section", { "aria-labelledby": "traces-title", hidden: true },
    el("h1", { id: "traces-title", tabindex: "-1" }, "Traces"),
    el("p", { class: "lead" }, "What functions did, span by span. A batch of several events is a trace of its own, with a link to each of them."),
    detail,
    el("div", { class: "card" }, filter.element, summary, complaint, list.element)),
  shown: (traceId) => {
    open = true;
    if (shownId !== traceId) replace(detail);
    shownId = traceId;
    shownSpans = 0;
    load();
  },
  hidden: () => {
    open = false;
  },
};
