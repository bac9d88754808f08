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

/** Return a table. Rows are arrays of cells: text, elements, or [text, attributes of the cell]. */
export function table(caption, heads, rows, empty) {
  const cell = (kind) => (each) =>
    Array.isArray(each) ? el(kind, each[1], each[0]) : el(kind, kind === "th" ? { scope: "col" } : {}, each);
  return el("div", { class: "scroll", role: "region", "aria-label": caption, tabindex: "0" },
    el("table", {},
      el("caption", { class: "unseen" }, caption),
      el("thead", {}, el("tr", {}, heads.map((head) =>
        Array.isArray(head) ? el("th", { scope: "col", ...head[1] }, head[0]) : el("th", { scope: "col" }, head)))),
      el("tbody", {}, rows.length
        ? rows.map((row) => el("tr", {}, row.map(cell("td"))))
        : el("tr", {}, el("td", { colspan: heads.length, class: "faint" }, empty)))));
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
