// The pipeline as a drawing: where stations stand, what leads from one to the other, and what moves on it.

import { replace, svg } from "./dom.js";

const BOX = { width: 164, height: 78 };
const MOST_DOTS = 24;
const DOT_MS = 450;

// The README's picture. `wide` and `narrow` are column and row.
export const STATIONS = {
  functions: { title: "Functions", about: "create, change, erase", wide: [1, 0], narrow: [0, 1] },
  table: { title: "DynamoDB", about: "user and event, at once", wide: [2, 0], narrow: [0, 2] },
  kafka: { title: "Kafka", about: "user.events", wide: [3, 0], narrow: [0, 4] },
  relay: { title: "Relay", about: "what Kafka missed", wide: [2, 1], narrow: [0, 3] },
  poller: { title: "Poller", about: "event source mapping", wide: [3, 1], narrow: [1, 4] },
  enrich: { title: "Enrich", about: "embedding, topics", wide: [3, 2], narrow: [1, 3] },
  qdrant: { title: "Qdrant", about: "the index", wide: [2, 2], narrow: [1, 2] },
  search: { title: "Search", about: "by meaning and words", wide: [1, 2], narrow: [1, 1] },
  dead_letters: { title: "Dead letters", about: "user.events.dlq", wide: [3, 3], narrow: [1, 5] },
};
const CLIENT = { title: "Client", wide: [0, 1], narrow: [0.5, 0] };
const EDGES = [
  ["client", "functions"], ["client", "search"], ["functions", "table"], ["table", "kafka"], ["table", "relay"],
  ["relay", "kafka"], ["kafka", "poller"], ["poller", "enrich"], ["enrich", "qdrant"], ["search", "qdrant"],
  ["enrich", "dead_letters"],
];
// By which edge something comes to a station; what the relay sends comes by another.
const ARRIVES = { functions: "client", table: "functions", kafka: "table", relay: "table", poller: "kafka", enrich: "poller", qdrant: "enrich", search: "client", dead_letters: "enrich" };
const SHAPES = {
  wide: { width: 838, height: 460, column: 222, row: 116, left: 4, top: 8 },
  narrow: { width: 356, height: 690, column: 184, row: 114, left: 4, top: 8 },
};

const still = matchMedia("(prefers-reduced-motion: reduce)");
const narrow = matchMedia("(max-width: 40rem)");

export class Drawing {
  element = svg("svg", { class: "pipeline", role: "img", "aria-label": "The way of an event: client, functions, DynamoDB, Kafka, poller, enrich, Qdrant. The table below has the numbers." });
  #boxes = {};
  #paths = {};
  #dots = 0;
  #shown = {};

  constructor() {
    this.#draw();
    narrow.addEventListener("change", () => this.#draw());
  }

  /** Write what is known of each station: { figure, waiting, trouble } by its name. */
  show(stations) {
    this.#shown = stations;
    for (const [name, said] of Object.entries(stations)) {
      const box = this.#boxes[name];
      replace(box.figure, said.figure);
      replace(box.waiting, said.waiting);
      replace(box.trouble, said.trouble ? `⚠ ${said.trouble}` : "");
      box.group.classList.toggle("troubled", Boolean(said.trouble));
    }
  }

  /** Show that something came to a station just now. */
  hit(name, relayed = false) {
    const { group } = this.#boxes[name];
    group.classList.remove("hit");
    void group.getBoundingClientRect(); // so that the animation begins again
    group.classList.add("hit");
    this.#move(this.#paths[`${relayed ? "relay" : ARRIVES[name]} ${name}`]);
    if (name === "search") this.#move(this.#paths["search qdrant"]);
  }

  #draw() {
    const shape = narrow.matches ? "narrow" : "wide";
    const size = SHAPES[shape];
    const places = Object.fromEntries(Object.entries({ client: CLIENT, ...STATIONS }).map(([name, each]) => {
      const [column, row] = each[shape];
      return [name, { x: size.left + column * size.column, y: size.top + row * size.row }];
    }));
    this.element.setAttribute("viewBox", `0 0 ${size.width} ${size.height}`);
    this.#paths = Object.fromEntries(EDGES.map(([from, to]) =>
      [`${from} ${to}`, svg("path", { class: "edge", d: between(places[from], places[to]), "marker-end": "url(#arrow)" })]));
    this.#boxes = Object.fromEntries(Object.entries(STATIONS).map(([name, each]) => [name, box(each, places[name])]));
    replace(this.element,
      svg("defs", {}, svg("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto-start-reverse" },
        svg("path", { class: "tip", d: "M0 0L8 4L0 8z" }))),
      Object.values(this.#paths),
      client(places.client),
      Object.values(this.#boxes).map((each) => each.group));
    this.show(this.#shown);
  }

  #move(path) {
    if (still.matches || this.#dots >= MOST_DOTS || document.hidden) return;
    this.#dots += 1;
    const dot = svg("circle", { class: "dot", r: 6 });
    this.element.append(dot);
    const length = path.getTotalLength();
    const begun = performance.now();
    const step = (now) => {
      const done = Math.min((now - begun) / DOT_MS, 1);
      const { x, y } = path.getPointAtLength(length * Math.max(done, 0));
      dot.setAttribute("transform", `translate(${x} ${y})`);
      if (done < 1 && path.isConnected) return requestAnimationFrame(step);
      dot.remove();
      this.#dots -= 1;
    };
    requestAnimationFrame(step);
  }
}

function box({ title, about }, { x, y }) {
  const text = (className, dy, content = "") => svg("text", { class: className, x: x + 12, y: y + dy }, content);
  const figure = svg("text", { class: "figure", x: x + BOX.width - 12, y: y + 23, "text-anchor": "end" });
  const waiting = text("waiting", 56);
  const trouble = text("trouble", 71);
  const group = svg("g", { class: "station" },
    svg("rect", { x, y, width: BOX.width, height: BOX.height, rx: 10 }),
    text("title", 23, title), text("about", 40, about), figure, waiting, trouble);
  return { group, figure, waiting, trouble };
}

function client({ x, y }) {
  return svg("g", { class: "client" },
    svg("rect", { x, y: y + 18, width: BOX.width, height: 42, rx: 21 }),
    svg("text", { class: "title", x: x + BOX.width / 2, y: y + 44, "text-anchor": "middle" }, CLIENT.title));
}

/** Return the path from one box to another: straight where they face each other, and a bow where not. */
function between(from, to) {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const middle = (place) => [place.x + BOX.width / 2, place.y + BOX.height / 2];
  const [[fx, fy], [tx, ty]] = [middle(from), middle(to)];
  if (dx === 0 && Math.abs(dy) > 150) { // past the box between them
    const x = from.x + BOX.width;
    return `M${x} ${fy}C${x + 22} ${fy} ${x + 22} ${ty} ${x} ${ty}`;
  }
  if (dy === 0) return `M${fx + Math.sign(dx) * BOX.width / 2} ${fy}L${tx - Math.sign(dx) * BOX.width / 2} ${ty}`;
  if (dx === 0) return `M${fx} ${fy + Math.sign(dy) * BOX.height / 2}L${tx} ${ty - Math.sign(dy) * BOX.height / 2}`;
  const side = Math.sign(dx) * BOX.width / 2;
  if (Math.abs(dx) < 150) return `M${fx} ${fy + Math.sign(dy) * 21}L${tx} ${ty - Math.sign(dy) * BOX.height / 2}`;
  return `M${fx + side} ${fy}C${fx + side + 30 * Math.sign(dx)} ${fy} ${tx - side - 40 * Math.sign(dx)} ${ty} ${tx - side} ${ty}`;
}
