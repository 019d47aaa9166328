// Talks to fer-studio. The token comes in the address' fragment, which browsers never send, and stays in this tab.

const KEY = "fer-studio-token";

/** The server refused: `status` is the HTTP status, `message` its own words. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Nobody answered. */
export class Unreachable extends Error {
  constructor() {
    super("fer-studio does not answer: is it still running? This page goes on when it is back.");
  }
}

let token = "";

/**
 * Takes the token out of the address, so that it is in no bookmark, or out of this tab's memory; `view` is shown after
 * that. Gives true where the address had one.
 */
export function takeToken(view) {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given === null) {
    token = ofTab(KEY) ?? "";
    return false;
  }
  keep(given);
  history.replaceState(null, "", `#${view}`);
  return true;
}

/** What somebody typed as the token: the whole address does as well. */
export function useToken(typed) {
  keep(new URLSearchParams(typed.slice(typed.indexOf("#") + 1)).get("token") ?? typed);
}

export const hasToken = () => token !== "";

function keep(value) {
  token = value;
  keepInTab(KEY, value);
}

/** What this tab keeps over a reload; null where that is nothing, as in a browser that forbids storage. */
export function ofTab(key) {
  try {
    return sessionStorage.getItem(key);
  } catch {
    return null;
  }
}

/** `value`: null forgets it. */
export function keepInTab(key, value) {
  try {
    if (value === null) sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, value);
  } catch {
    // A browser that forbids storage refuses even to name it.
  }
}

async function ask(path, options = {}) {
  // No header can carry other letters, and no studio has a token with them.
  if (!/^[ -~]*$/.test(token)) throw new Refused(401, "the token is wrong");
  let response;
  let body;
  try {
    response = await fetch(path, { ...options, headers: { ...options.headers, Authorization: `Bearer ${token}` }, cache: "no-store" });
    body = await (response.ok && options.blob ? response.blob() : response.json());
  } catch {
    throw new Unreachable();
  }
  if (!response.ok) throw new Refused(response.status, body.error ?? `status ${response.status}`);
  return body;
}

function query(parameters) {
  const pairs = Object.entries(parameters).flatMap(([name, value]) => (Array.isArray(value) ? value.map((each) => [name, each]) : [[name, value]]));
  return new URLSearchParams(pairs.filter(([, value]) => value !== null && value !== undefined)).toString();
}

/** `get("api/run", {run: "a"})`: lists become repeated parameters. With the option `blob` it gives a picture as it is. */
export const get = (path, parameters = {}, options = {}) => ask(`${path}?${query(parameters)}`, options);

export const post = (path, body = {}) => ask(path, { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });

export const send = (path, blob, parameters) =>
  ask(`${path}?${query(parameters)}`, { method: "POST", body: blob, headers: { "Content-Type": "application/octet-stream" } });
