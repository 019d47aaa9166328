// Single keys, for hands that know them; they can be turned off, since some people speak or stumble onto keys.

const WRITING = "input:not([type=range]), select, textarea, [contenteditable]";

/**
 * The key that is meant: what it writes, else the letter or digit that has its place on other keyboards. Arabic ones write no
 * Latin letters, and French ones digits only with Shift.
 */
function meant({ key, code, shiftKey }) {
  const [, kind, place] = /^(Key|Digit)(.)$/.exec(code) ?? [];
  const elsewhere = kind === "Digit" ? !shiftKey && !/^[0-9]$/.test(key) : /^\p{L}$/u.test(key) && !/\p{Script=Latin}/u.test(key);
  return (kind !== undefined && elsewhere ? place : key).toLowerCase();
}

/** `actions`: key -> what it does, which gives whether it did anything. */
export function setUpKeys(actions, isOn) {
  addEventListener("keydown", (event) => {
    if (!isOn() || event.ctrlKey || event.altKey || event.metaKey || event.repeat || event.target.closest?.(WRITING)) return;
    if (actions[meant(event)]?.()) event.preventDefault();
  });
}
