// What is known of the mesh, kept for all views; `change` says that it is news.

import { stream } from "./stream.js";

class Mesh extends EventTarget {
  api = "";
  authMode = "dev";
  tracing = { state: "here", endpoint: "" };
  meters = { stations: {}, outbox: null, poller: null, points: null, deadLetters: null, relayed: null, components: {} };

  constructor() {
    super();
    stream.addEventListener("state", ({ detail }) => {
      Object.assign(this, detail);
      this.dispatchEvent(new Event("change"));
    });
  }
}

export const mesh = new Mesh();

const CHOSEN = "event-mesh.tenant";
const TENANT = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** Return the tenant that was chosen last in this browser. */
export function chosenTenant() {
  return localStorage.getItem(CHOSEN) ?? "tenant-a";
}

/** Remember a tenant; returns whether there can be one of that name. */
export function chooseTenant(name) {
  if (!TENANT.test(name)) return false;
  localStorage.setItem(CHOSEN, name);
  return true;
}
