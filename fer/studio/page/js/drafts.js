// What somebody has typed and not used yet, by folder of runs: in this tab, so that each has its own, and what was typed last in any
// in the browser, which may end unasked.

import { store } from "./store.js";

const place = (form) => `fer-studio-draft ${form} ${store.root}`;

/** What was typed into a form here, or last anywhere; null where that is nothing. */
export function readDraft(form) {
  try {
    return JSON.parse(sessionStorage.getItem(place(form)) ?? localStorage.getItem(place(form)));
  } catch {
    return null;
  }
}

export function keepDraft(form, draft) {
  try {
    for (const each of [sessionStorage, localStorage]) each.setItem(place(form), JSON.stringify(draft));
  } catch {
    // A browser that keeps nothing, or nothing more, keeps no draft.
  }
}

/** `used`: it is what this tab goes on from, and nothing that a new one should begin with. */
export function forgetDraft(form, { used = false } = {}) {
  try {
    localStorage.removeItem(place(form));
    if (!used) sessionStorage.removeItem(place(form));
  } catch {
    // A browser that forbids storage refuses even to name it.
  }
}
