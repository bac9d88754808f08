// Fields of forms, with what is wrong with them beside.

import { el, replace } from "./dom.js";

let made = 0;

/** A label with its input, a hint, and room for an error. */
export class Field {
  constructor(label, { kind = "input", hint = "", options, ...attributes } = {}) {
    const id = `field-${++made}`;
    this.error = el("p", { class: "error", id: `${id}-error` });
    this.input = el(kind, { id, "aria-describedby": `${id}-hint ${id}-error`, autocomplete: "off", ...attributes },
      ...(options ?? []).map(([value, text]) => el("option", { value }, text)));
    this.element = el("div", { class: "field" },
      el("label", { for: id }, label),
      this.input,
      el("p", { class: "hint", id: `${id}-hint` }, hint),
      this.error);
  }

  get value() {
    return this.input.value;
  }

  set value(value) {
    this.input.value = value;
  }

  /** Say what is wrong, or nothing. */
  complain(text = "") {
    replace(this.error, text);
    this.input.setAttribute("aria-invalid", String(Boolean(text)));
  }
}

/** A form of fields by name; `send` gets their values and returns a problem, or nothing if all is well. */
export class Form {
  constructor(label, fields, verb, send, more = []) {
    this.fields = fields;
    this.said = el("p", { class: "error", role: "alert" });
    this.submit = el("button", { type: "submit", class: "primary" }, verb);
    this.element = el("form", { "aria-label": label, novalidate: true, onsubmit: (event) => {
      event.preventDefault();
      this.#send(send);
    } },
      ...Object.values(fields).map((field) => field.element),
      this.said,
      el("p", { class: "actions" }, this.submit, ...more));
  }

  get values() {
    return Object.fromEntries(Object.entries(this.fields).map(([name, field]) => [name, field.value]));
  }

  /** Show a problem by its fields; what belongs to none of them stands above the button. */
  complain({ said, fields } = { said: "", fields: {} }) {
    for (const [name, field] of Object.entries(this.fields)) field.complain(fields[name]);
    const elsewhere = Object.entries(fields).filter(([name]) => !(name in this.fields));
    const all = elsewhere.map(([name, detail]) => `${name}: ${detail}`);
    const shownThere = Object.keys(fields).length > elsewhere.length;
    replace(this.said, [shownThere ? "" : said, ...all].filter(Boolean).join(" "));
    Object.values(this.fields).find((field) => field.input.getAttribute("aria-invalid") === "true")?.input.focus();
  }

  async #send(send) {
    this.submit.disabled = true;
    try {
      this.complain(await send(this.values));
    } finally {
      this.submit.disabled = false;
    }
  }
}

/** Return a select of the tenant: an input that suggests those that are known. */
export function tenantField(value, known, chosen) {
  const list = el("datalist", { id: `tenants-${++made}` });
  const field = new Field("Tenant", { list: list.id, value, maxlength: 128, spellcheck: "false", onchange: () => chosen(field) });
  field.element.append(list);
  field.suggest = (names) => replace(list, names.map((name) => el("option", { value: name })));
  field.suggest(known);
  return field;
}
