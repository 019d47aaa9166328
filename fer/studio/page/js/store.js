// What the server knows of runs and jobs, asked for again every second; only what changed comes.

import { get, Refused, Unreachable } from "./api.js";

/** States of a job that has not ended. */
export const OPEN = new Set(["waiting", "running"]);

const EVERY_MS = 1000;
const HIDDEN_MS = 5000;
/** A studio that does not answer for so long is told of, and asked again. */
const PATIENCE_MS = 15_000;

export const store = {
  entries: new Map(),
  marks: {},
  jobs: [],
  atOnce: 1,
  root: "",
  complete: false,
  unshown: [],
};

let version = 0;
let instance = null;
let timer = null;
// Numbers of the questions: of the latest one, and of the latest that was answered.
let asked = 0;
let taken = 0;
// Runs of before the studio was started again, that it has not named yet: once it has read all, they have gone.
let unseen = new Set();
const listeners = new Set();
let onTrouble = () => {};
let onToken = () => {};

/** `listener(changed)`: the set of names of runs that changed; null where everything may have. */
export const listen = (listener) => listeners.add(listener);

export function start(handlers) {
  ({ onTrouble, onToken } = handlers);
  refresh();
  document.addEventListener("visibilitychange", () => !document.hidden && refresh());
}

/** Asks at once, as after something was changed. */
export async function refresh() {
  clearTimeout(timer);
  const turn = (asked += 1);
  try {
    const since = version;
    const state = await get("api/state", { since }, { signal: AbortSignal.timeout(PATIENCE_MS) });
    // One that comes after the answer to a later question says what was, such as a run that has gone meanwhile.
    if (turn > taken) {
      taken = turn;
      take(state, since);
    }
  } catch (error) {
    if (error instanceof Refused && error.status === 401) {
      onToken();
      return;
    }
    if (!(error instanceof Unreachable || error instanceof Refused)) throw error;
    if (turn > taken) onTrouble(error.message);
  }
  timer = setTimeout(refresh, document.hidden ? HIDDEN_MS : EVERY_MS);
}

function take(state, since) {
  const changed = new Set();
  if (state.instance !== instance) {
    // Another start of the studio: its versions count anew.
    const first = instance === null;
    instance = state.instance;
    if (!first) {
      version = 0;
      unseen = new Set(store.entries.keys());
      setTimeout(refresh);
      return;
    }
  }
  // It was asked before the studio was started again: the next one has all.
  if (since > version) return;
  for (const entry of state.entries) {
    store.entries.set(entry.id, entry);
    changed.add(entry.id);
    unseen.delete(entry.id);
  }
  for (const name of state.gone) forget(name, changed);
  if (state.complete) {
    for (const name of unseen) forget(name, changed);
    unseen.clear();
  }
  version = state.version;
  if (JSON.stringify(store.marks) !== JSON.stringify(state.marks)) {
    for (const name of new Set([...Object.keys(store.marks), ...Object.keys(state.marks)])) changed.add(name);
  }
  Object.assign(store, { marks: state.marks, jobs: state.jobs, atOnce: state.at_once, root: state.root, complete: state.complete, unshown: state.unshown });
  onTrouble(state.trouble);
  for (const listener of listeners) listener(changed);
  for (const job of store.jobs) {
    if (!awaited.has(job.id) || OPEN.has(job.state)) continue;
    awaited.get(job.id)(job);
    awaited.delete(job.id);
  }
}

function forget(name, changed) {
  store.entries.delete(name);
  changed.add(name);
}

const awaited = new Map();

/** The job of this number, when it has ended. */
export const ended = (id) => new Promise((resolve) => awaited.set(id, resolve));

export const runs = () => [...store.entries.values()].filter((entry) => entry.kind === "run");

/** Runs with a model that can be looked with. */
export const models = () => runs().filter((entry) => entry.checkpoint);
