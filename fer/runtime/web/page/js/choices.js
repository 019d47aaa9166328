// What was chosen lives in the page's address: a reload keeps it, a bookmark too, and nothing is stored.

export const choice = (name) => new URLSearchParams(location.search).get(name);

/** `value`: null for the default, which needs no place in the address. */
export function remember(name, value) {
  const address = new URL(location.href);
  if (value === null) address.searchParams.delete(name);
  else address.searchParams.set(name, value);
  history.replaceState(history.state, "", address);
}
