// Single keys, for hands that know them; they can be turned off, since some people speak or stumble onto keys.

const WRITING = "input:not([type=range]), select, textarea, [contenteditable]";

/**
 * The key that is meant: what it writes, else the letter or digit that has its place on other keyboards. Arabic ones write no
 * Latin letters, and French ones digits only with Shift.
 */
function meant({ key, code, shiftKey }) {
  const [, kind, place] = /^(Key|Digit)(.)$/.exec(code) ?? [];
  // Thai and Hindi ones write vowel signs in the places of letters.
  const elsewhere = kind === "Digit" ? !shiftKey && !/^[0-9]$/.test(key) : /^[\p{L}\p{M}]$/u.test(key) && !/\p{Script=Latin}/u.test(key);
  return (kind !== undefined && elsewhere ? place : key).toLowerCase();
}

/** `actions`: key -> what it does, which gives whether it did anything. */
export function setUpKeys(actions, isOn) {
  addEventListener("keydown", (event) => {
    const combined = event.ctrlKey || event.altKey || event.metaKey || event.getModifierState("AltGraph");
    if (!isOn() || combined || event.repeat || event.target.closest?.(WRITING)) return;
    if (actions[meant(event)]?.()) event.preventDefault();
  });
}
