// The way of one event, asked for again whenever something happens to it.

import { ask } from "./api.js";
import { stream } from "./stream.js";

const FORGOTTEN_AFTER = 120_000; // ms
const waiting = new Map(); // what to call, by trace

/** Call `indexed` once the event of a trace has reached the index; it may be there before its answer is here. */
export async function follow(traceId, indexed) {
  waiting.set(traceId, indexed);
  setTimeout(() => waiting.delete(traceId), FORGOTTEN_AFTER);
  const known = await way(traceId).catch(() => null); // who cannot ask is told by the stream
  if (known && known.searchableAfter !== null) arrived(traceId);
}

function arrived(traceId) {
  const indexed = waiting.get(traceId);
  waiting.delete(traceId);
  indexed?.();
}

stream.addEventListener("visits", ({ detail }) => {
  for (const visit of detail.filter((each) => each.station === "qdrant" && !each.failed)) {
    visit.traces.forEach(arrived);
  }
});

/** Return the stations of a trace: `steps`, and after how many milliseconds it was searchable. */
export function way(traceId, signal) {
  return ask(`/api/way/${encodeURIComponent(traceId)}`, { signal });
}
