// Elements out of data. Whatever comes from a user or a record becomes text here, and never HTML.

const SVG = "http://www.w3.org/2000/svg";

/** Return an element. Attributes that are functions listen to the event of their name, without its "on". */
export function el(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** Return an element of SVG. */
export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

/** Put other children into an element. */
export function replace(element, ...children) {
  element.replaceChildren(...nodes(children));
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.replace(/^on/, ""), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...nodes(children));
  return element;
}

function nodes(children) {
  return children.flat().filter((each) => each !== null && each !== undefined && each !== false);
}

/** Return a button. */
export function button(text, onclick, attributes = {}) {
  return el("button", { type: "button", onclick, ...attributes }, text);
}

/** A table that scrolls by itself. Heads and cells are text, an element, or [either, attributes of the cell]. */
export class Table {
  #heads;
  #body = el("tbody");
  #waiting = null;

  constructor(caption, heads) {
    this.#heads = heads;
    this.element = el("div", { class: "scroll", role: "region", "aria-label": caption, tabindex: "0" },
      el("table", {},
        el("caption", { class: "unseen" }, caption),
        el("thead", {}, el("tr", {}, heads.map((head) => cell("th", head, { scope: "col" })))),
        this.#body));
    this.#body.addEventListener("focusout", () => setTimeout(() => this.#waiting && this.#fill(this.#waiting)));
  }

  /** Show rows, or what is said if there are none. Where somebody is, by keyboard, nothing changes until they leave. */
  show(rows, empty) {
    const fresh = rows.length
      ? rows.map((row) => el("tr", {}, row.map((each) => cell("td", each))))
      : [el("tr", {}, el("td", { colspan: this.#heads.length, class: "faint" }, empty))];
    this.#fill(fresh);
  }

  #fill(fresh) {
    const there = [...this.#body.children];
    const same = there.length === fresh.length && fresh.every((row, place) => row.isEqualNode(there[place]));
    this.#waiting = null;
    if (same) return;
    if (this.#body.contains(document.activeElement)) this.#waiting = fresh;
    else replace(this.#body, fresh);
  }
}

function cell(kind, content, attributes = {}) {
  return Array.isArray(content) ? el(kind, { ...attributes, ...content[1] }, content[0]) : el(kind, attributes, content);
}

/** Return text for a cell of numbers: they stand below each other. */
export function number(text) {
  return [text, { class: "number" }];
}

/** Ask before something that cannot be undone; resolves to whether it was confirmed. */
export function confirmed(question, verb) {
  return new Promise((resolve) => {
    const dialog = el("dialog", { "aria-labelledby": "question", onclose: () => {
      resolve(dialog.returnValue === "yes");
      dialog.remove();
    } },
      el("h2", { id: "question" }, question),
      el("p", { class: "actions" },
        button(verb, () => dialog.close("yes"), { class: "danger" }),
        button("Cancel", () => dialog.close("no"), { autofocus: true })));
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Return a number of milliseconds as people read it. */
export function ms(value) {
  if (value === null || value === undefined) return "–";
  if (value >= 10_000) return `${(value / 1000).toFixed(1)} s`;
  return `${value.toFixed(value < 10 ? 1 : 0)} ms`;
}

/** Return "1 event", "2 events". */
export function count(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

/** Return a function that runs another once it was not called for a while. */
export function debounced(milliseconds, run) {
  let timer;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => run(...given), milliseconds);
  };
}

/** Return a function that runs another at most once in so many milliseconds, and once more for what came meanwhile. */
export function throttled(milliseconds, run) {
  let timer = null;
  let again = false;
  const turn = () => {
    again = false;
    run();
    timer = setTimeout(() => {
      timer = null;
      if (again) turn();
    }, milliseconds);
  };
  return () => {
    if (timer === null) turn();
    else again = true;
  };
}
