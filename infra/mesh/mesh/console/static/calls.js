// The last calls of the playground, each with the line that makes it in a shell.

import { el, replace, button, ms } from "./dom.js";
import { curl } from "./api.js";
import { mesh } from "./mesh.js";

const KEPT = 20;

export class Calls {
  #list = el("ol", { class: "calls" });
  #copied = el("p", { class: "unseen", role: "status" });

  constructor() {
    this.element = el("section", { class: "card", "aria-labelledby": "calls-title" },
      el("h2", { id: "calls-title" }, "Calls"),
      el("p", { class: "hint" }, "What this page asked of the API, the last one first, and how you ask for the same in a shell."),
      this.#list, this.#copied);
    this.#none();
  }

  /** Show a call above the others. */
  add(call) {
    if (!this.#list.dataset.any) replace(this.#list);
    this.#list.dataset.any = "yes";
    const line = curl(call, mesh);
    this.#list.prepend(el("li", {},
      el("p", { class: "call" },
        el("span", { class: call.ok ? "status good" : "status bad" }, call.status || "no answer"),
        el("code", {}, `${call.method} ${decodeURI(call.path.split("?")[0])}`),
        el("span", { class: "number" }, ms(call.milliseconds)),
        call.traceId ? el("a", { href: `#/traces/${call.traceId}` }, "trace") : ""),
      el("p", { class: "curl" },
        el("code", {}, line),
        button("Copy", (event) => this.#copy(event.target, line), { "aria-label": `Copy the curl line of ${call.method} ${call.path.split("?")[0]}` }))));
    while (this.#list.children.length > KEPT) this.#list.lastElementChild.remove();
  }

  async #copy(pressed, line) {
    await navigator.clipboard.writeText(line);
    replace(this.#copied, "Copied.");
    replace(pressed, "Copied");
    setTimeout(() => replace(pressed, "Copy"), 1500);
  }

  #none() {
    replace(this.#list, el("li", { class: "faint" }, "None yet."));
  }
}
