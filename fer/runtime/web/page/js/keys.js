// Single keys, for hands that know them; they can be turned off, since some people speak or stumble onto keys.

const WRITING = "input:not([type=range]), select, textarea, [contenteditable]";

/** `actions`: key -> what it does, which gives whether it did anything. */
export function setUpKeys(actions, isOn) {
  addEventListener("keydown", (event) => {
    if (!isOn() || event.ctrlKey || event.altKey || event.metaKey || event.repeat || event.target.closest?.(WRITING)) return;
    if (actions[event.key.toLowerCase()]?.()) event.preventDefault();
  });
}
