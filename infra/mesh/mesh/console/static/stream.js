// What happens in the mesh, as events: `state` at the beginning and every second, `visits` as they come; `connection` says how it is.
//
// An EventSource sends no headers, and the console wants its token in one: so this reads the stream by fetch.

import { open } from "./api.js";

const LONGEST_SILENCE = 40_000; // ms; a heartbeat comes every 15 s
const LONGEST_PAUSE = 5_000;

class Stream extends EventTarget {
  #stopped = null;
  #pause = 250;

  constructor() {
    super();
    // Nobody looks at a hidden page, and while no page is open, the console asks nobody.
    document.addEventListener("visibilitychange", () => (document.hidden ? this.stop() : this.start()));
  }

  /** Begin, and begin again whenever it breaks off. */
  async start() {
    if (this.#stopped) return;
    const stopped = new AbortController();
    this.#stopped = stopped;
    while (!stopped.signal.aborted) {
      this.#tell("connection", "connecting");
      const outcome = await this.#read(stopped.signal).catch(() => "lost");
      if (stopped.signal.aborted) return;
      this.#tell("connection", outcome);
      if (outcome === "outdated") return;
      await new Promise((resolve) => setTimeout(resolve, this.#pause * (0.5 + Math.random())));
      this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
    }
  }

  /** End; nothing is told after it. */
  stop() {
    this.#stopped?.abort();
    this.#stopped = null;
  }

  async #read(stopped) {
    const silent = new AbortController();
    let timer = setTimeout(() => silent.abort(), LONGEST_SILENCE);
    try {
      const answer = await open("/api/stream", AbortSignal.any([stopped, silent.signal]));
      if (answer.status === 401) return "outdated";
      if (!answer.ok) return "lost";
      this.#tell("connection", "live");
      this.#pause = 250;
      const parts = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (;;) {
        const { done, value } = await parts.read();
        if (done) return "lost";
        clearTimeout(timer);
        timer = setTimeout(() => silent.abort(), LONGEST_SILENCE);
        const messages = (rest + value).split("\n\n");
        rest = messages.pop();
        messages.forEach((message) => this.#take(message));
      }
    } finally {
      clearTimeout(timer);
    }
  }

  #take(message) {
    const fields = Object.fromEntries(message.split("\n").map((line) => {
      const colon = line.indexOf(": ");
      return [line.slice(0, colon), line.slice(colon + 2)];
    }));
    if (fields.event) this.#tell(fields.event, JSON.parse(fields.data));
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

export const stream = new Stream();
