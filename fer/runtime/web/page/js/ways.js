// The three ways in: Read a face to me, Practise, Examine a model. Which one is kept in the address, after "#".

import { focusFirst, part } from "./app.js";
import { t } from "./i18n.js";

const WAYS = ["read", "practise", "examine"];

const fragment = () => new URLSearchParams(location.hash.slice(1));

/** The way that the address names; the first one where it names none, as when one goes back to where one came in. */
const named = () => WAYS.find((way) => fragment().has(way)) ?? WAYS[0];

/** `onWay(way)` is called now, and whenever another is taken. */
export function setUpWays(onWay) {
  const token = fragment().get("token");
  for (const link of part("ways").children) {
    // A token that came with the address stays in it, for a reload.
    if (token !== null) link.hash += `&${new URLSearchParams({ token })}`;
  }
  let now = named();
  enter(now, onWay);
  addEventListener("hashchange", () => {
    const wished = named();
    if (wished === now) return;
    now = wished;
    enter(now, onWay);
  });
  part("skip").addEventListener("click", (event) => {
    event.preventDefault();
    focusFirst();
  });
}

function enter(way, onWay) {
  document.documentElement.dataset.way = way;
  document.title = t(`way.${way}.title`);
  for (const link of part("ways").children) {
    if (link.hash.slice(1).split("&")[0] === way) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  for (const element of document.querySelectorAll("[data-ways]")) element.hidden = !element.dataset.ways.split(" ").includes(way);
  part("welcome-words").textContent = t(`way.${way}.welcome`);
  onWay(way);
}
