// What the page asks: the console itself, and through it the mesh's API, as a tenant.

const TOKEN = document.querySelector('meta[name="console-token"]').content;

/** An answer that is not what was asked for. */
export class ConsoleError extends Error {}

/** Ask the console; resolves to what its JSON says, or throws a ConsoleError that says what to do. */
export async function ask(path, { method = "GET", body, signal } = {}) {
  const answer = await send(path, { method, signal, ...json(body) });
  const content = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new ConsoleError(content.message ?? `The console answered ${answer.status}.`);
  return content;
}

/** Open a stream of the console; resolves to the response, whatever its status. */
export function open(path, signal) {
  return send(path, { signal, headers: { Accept: "text/event-stream" } });
}

/**
 * Call the mesh's API as a tenant.
 *
 * Resolves to a call: method, path, status, ok, content, headers, milliseconds, traceId; one that nobody answered has status 0
 * and a problem as its content.
 */
export async function call(tenant, method, path, { body, query = {}, signal } = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== "" && value !== undefined && value !== null);
  const search = new URLSearchParams(given).toString();
  const target = path + (search ? `?${search}` : "");
  const asked = { tenant, method, path: target, body };
  const started = performance.now();
  try {
    const sent = json(body);
    const answer = await send(`/api/mesh${target}`, { method, signal, ...sent, headers: { ...sent.headers, "X-Tenant": tenant } });
    const text = await answer.text();
    return {
      ...asked,
      status: answer.status,
      ok: answer.ok,
      content: parsed(text),
      milliseconds: performance.now() - started,
      traceId: answer.headers.get("traceresponse")?.split("-")[1] ?? null,
    };
  } catch (error) {
    if (error.name === "AbortError") throw error;
    const detail = "The console does not answer. Is the mesh still up? See: mesh status";
    return { ...asked, status: 0, ok: false, content: { detail }, milliseconds: performance.now() - started, traceId: null };
  }
}

/** Return the line that makes the same call in a shell. */
export function curl(call, { api, authMode }) {
  const bearer = authMode === "jwt"
    ? `"Authorization: Bearer $(.venv/bin/mesh token --tenant ${call.tenant} --user console)"`
    : quoted(`Authorization: Bearer ${call.tenant}:console`);
  const words = ["curl -s", ...(call.method === "GET" ? [] : [`-X ${call.method}`]), `-H ${bearer}`];
  if (call.body !== undefined) words.push("-H 'Content-Type: application/json'", `-d ${quoted(JSON.stringify(call.body))}`);
  return [...words, quoted(api + call.path)].join(" ");
}

/** Return what is wrong by field, and the rest as one sentence, of an answer that is a problem. */
export function problem(call) {
  const errors = Array.isArray(call.content?.errors) ? call.content.errors : [];
  const fields = {};
  for (const each of errors) fields[String(each.pointer).split(".").pop()] = each.detail;
  const said = call.content?.detail ?? call.content?.message ?? `The API answered ${call.status}.`;
  return { said: call.status ? `${call.status}: ${said}` : said, fields };
}

function send(path, { headers = {}, ...rest }) {
  return fetch(path, { ...rest, headers: { ...headers, "X-Console-Token": TOKEN }, cache: "no-store" });
}

function json(body) {
  return body === undefined ? {} : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
}

function parsed(text) {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return { detail: text.slice(0, 300) };
  }
}

function quoted(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
