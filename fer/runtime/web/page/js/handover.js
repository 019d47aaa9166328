// What outlives the reload that another language takes. It lies in the address' entry of the tab's history meanwhile, and is
// taken out of there at once: nothing is stored.

const given = history.state?.handover ?? {};
if (history.state !== null) history.replaceState(null, "");
const givers = new Map();

/** What `handOver` gave, of that name, before the reload; null where the page was opened otherwise. */
export const handed = (name) => given[name] ?? null;

/** `give()`: what is to be there after the reload, in plain types. */
export const handOver = (name, give) => givers.set(name, give);

export function reload() {
  history.replaceState({ handover: Object.fromEntries([...givers].map(([name, give]) => [name, give()])) }, "");
  location.reload();
}
