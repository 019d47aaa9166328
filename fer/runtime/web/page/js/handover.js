// What outlives the reload that another language takes. It lies in the address' entry of the tab's history meanwhile, and is
// taken out of there at once: nothing is stored.

const given = history.state?.handover ?? {};
if (history.state !== null) history.replaceState(null, "");
const givers = new Map();
const files = new Set();

/** What `handOver` gave, of that name, before the reload; null where the page was opened otherwise. */
export const handed = (name) => given[name] ?? null;

/** `give()`: what is to be there after the reload, in plain types; with `ofFiles`, files may be among them. */
export function handOver(name, give, { ofFiles = false } = {}) {
  givers.set(name, give);
  if (ofFiles) files.add(name);
}

export function reload() {
  const note = (names) => history.replaceState({ handover: Object.fromEntries(names.map((name) => [name, givers.get(name)()])) }, "");
  const names = [...givers.keys()];
  try {
    note(names);
  } catch {
    // A browser that takes no files along, or not so much.
    note(names.filter((name) => !files.has(name)));
  }
  location.reload();
}
