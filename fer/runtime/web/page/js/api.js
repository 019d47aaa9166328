// Talks to fer-serve. The token, where one is asked for, lives in this page's memory and in the address' fragment, which
// browsers never send. Addresses are relative: the page may lie below a path, behind a proxy.

const PATIENCE_MS = 8000;
/** What a header can carry, and so what a token can be; another one is wrong, without being shown to the server. */
const PRESENTABLE = /^[\x20-\x7e]+$/;

/** The server refused: `status` is the HTTP status, `message` its own words, `retryAfter` seconds to wait or 0. */
export class Refused extends Error {
  constructor(status, message, retryAfter) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/** Nobody answered; `late`: somebody may be there, but did not in time. */
export class Unreachable extends Error {
  constructor(error) {
    super(String(error));
    this.late = error.name === "TimeoutError";
  }
}

let token = new URLSearchParams(location.hash.slice(1)).get("token") ?? "";

/** Whether the server has been shown a token at all. */
export const hasToken = () => token !== "";

export function useToken(value) {
  token = value;
}

async function ask(path, { patience = PATIENCE_MS, read = (each) => each.json(), ...options } = {}) {
  const headers = { ...options.headers, ...(PRESENTABLE.test(token) ? { Authorization: `Bearer ${token}` } : {}) };
  let response;
  let body;
  try {
    response = await fetch(path, { ...options, headers, signal: AbortSignal.timeout(patience), cache: "no-store" });
    body = await (response.ok ? read : (each) => each.json())(response);
  } catch (error) {
    throw new Unreachable(error);
  }
  if (!response.ok) {
    throw new Refused(response.status, body.error ?? `status ${response.status}`, Number(response.headers.get("Retry-After") ?? 0));
  }
  return body;
}

function post(path, blob, parameters, options = {}) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined));
  // What it is, the server sees for itself; a file's name for it may be wrong.
  return ask(`${path}?${query}`, { method: "POST", body: blob, headers: { "Content-Type": "application/octet-stream" }, ...options });
}

export const models = () => ask("api/models");
export const drift = (model) => ask(`api/drift?${new URLSearchParams({ model })}`);
export const predict = (blob, parameters, patience) => post("api/predict", blob, parameters, { patience });
/** The picture as a JPEG that every browser can show. */
export const preview = (blob) => post("api/preview", blob, {}, { read: (response) => response.blob() });
export const explain = (blob, parameters) => post("api/explain", blob, parameters);
export const cover = (blob, parameters) => post("api/occlusion", blob, parameters);
