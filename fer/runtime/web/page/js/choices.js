// What was chosen lives in the page's address: a reload keeps it, a bookmark too, and nothing is stored.

export const choice = (name) => new URLSearchParams(location.search).get(name);

/** `value`: null for the default, which needs no place in the address. */
export function remember(name, value) {
  const address = new URL(location.href);
  if (value === null) address.searchParams.delete(name);
  else address.searchParams.set(name, value);
  history.replaceState(history.state, "", address);
}

/** A list or a slider whose value is kept in the address, at `name`, where it is not as usual; `use(value)` takes it. Gives what notes
 *  in the address a value that a script has set. */
export function pick(element, name, use) {
  // Firefox fills in what it was before a reload.
  const usual = element.defaultValue ?? (element.querySelector("option[selected]") ?? element.options[0]).value;
  element.value = usual;
  const note = () => remember(name, element.value === usual ? null : element.value);
  const take = () => {
    note();
    use(element.value);
  };
  element.addEventListener("change", take);
  const kept = choice(name);
  if (kept !== null) element.value = kept;
  // A value that is none of the choices leaves a list empty.
  if (element.value === "") element.value = usual;
  if (element.value !== usual) take();
  return note;
}
