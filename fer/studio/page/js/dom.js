// Small functions to build the page; no text is ever read as HTML.

import { Refused, Unreachable } from "./api.js";

/** `el("a.button", {href: "#"}, "text", child)`: properties by name, `data-`, `aria-` and `role` as attributes. */
export function el(what, properties = {}, ...children) {
  const [tag, ...classes] = what.split(".");
  const node = document.createElement(tag);
  if (classes.length > 0) node.className = classes.join(" ");
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (/^(data-|aria-|role|for|scope|tabindex|colspan)/.test(name)) node.setAttribute(name, value);
    else node[name] = value;
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

const SVG = "http://www.w3.org/2000/svg";

export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children.flat());
  return node;
}

export const fill = (node, ...children) => node.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined));

export const percent = (value, digits = 1) => (value === null || value === undefined ? "–" : `${(100 * value).toFixed(digits)} %`);

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (Math.round(seconds) < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A moment as run folders write it, with its offset from the world's time. */
export const when = (text) => new Date(String(text).replace(/([+-]\d\d)(\d\d)$/, "$1:$2"));

/** It in words; the page is English, and its dates are, whatever language the browser has. */
export function moment(text) {
  if (!text) return "–";
  const at = text instanceof Date ? text : when(text);
  if (Number.isNaN(at.getTime())) return String(text);
  const year = at.getFullYear() === new Date().getFullYear() ? {} : { year: "numeric" };
  return at.toLocaleString("en-GB", { ...year, month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
}

export function number(value) {
  if (typeof value !== "number") return value === null || value === undefined ? "–" : typeof value === "object" ? JSON.stringify(value) : String(value);
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
}

export const announce = (words) => {
  document.querySelector("#announcer").textContent = words;
};

const CONTROLS = "button, a, summary, input, select, textarea, [tabindex]";
// What is folded has often the name of its summary: they differ by their kinds.
const nameOf = (each) => `${each.tagName} ${each.closest("[data-item]")?.dataset.item ?? ""} ${each.getAttribute("aria-label") ?? each.textContent}`;

const REGIONS = "[role=region]";

/** What stands at the end of its region stays there as more comes; else it stays where it is. */
const scrolled = ({ scrollTop, scrollLeft, scrollHeight, clientHeight }) => ({ left: scrollLeft, top: scrollTop > 0 && scrollTop + clientHeight > scrollHeight - 2 ? Infinity : scrollTop });

/**
 * Draws what is in a node anew: its regions stay scrolled as they were, and the focus stays on what has the same name there, or
 * its item, else goes to `otherwise`.
 */
export function redraw(node, draw, otherwise = null) {
  const places = new Map([...node.querySelectorAll(REGIONS)].map((each) => [nameOf(each), scrolled(each)]));
  keepFocus(node, draw, otherwise);
  for (const each of node.querySelectorAll(REGIONS)) scrollBack(each, places.get(nameOf(each)));
}

const scrollBack = (node, place = { left: 0, top: 0 }) => Object.assign(node, { scrollLeft: place.left, scrollTop: Math.min(place.top, node.scrollHeight) });

/** Other words in a region, as of a log that grows. */
export function putWords(region, words) {
  if (region.textContent === words) return;
  const place = scrolled(region);
  region.textContent = words;
  scrollBack(region, place);
}

function keepFocus(node, draw, otherwise) {
  const held = document.activeElement;
  const inside = node.contains(held);
  const name = inside ? nameOf(held) : "";
  const item = inside ? held.closest("[data-item]")?.dataset.item : undefined;
  const place = inside ? held.dataset.place : undefined;
  draw();
  if (!inside || node.contains(document.activeElement)) return;
  const controls = [...node.querySelectorAll(CONTROLS)];
  const same = controls.find((each) => nameOf(each) === name);
  const near = item === undefined ? undefined : controls.find((each) => each.closest("[data-item]")?.dataset.item === item);
  (same ?? near)?.focus({ preventScroll: true });
  if (place !== undefined) same?.dispatchEvent(new CustomEvent("place", { detail: Number(place) }));
  if (otherwise !== null) focusIfLost(otherwise);
}

/** Where the focus was on what has gone, it goes on from here. */
export function focusIfLost(node) {
  const held = document.activeElement;
  if (held === null || held === document.body || held.getClientRects().length === 0) node.focus({ preventScroll: true });
}

/** `count(1, "epoch")`, `count(2, "epoch")`. */
export const count = (many, what) => `${many} ${what}${many === 1 ? "" : "s"}`;

/** A place for one sentence about what went wrong, or is going on, where it happens. */
export function message() {
  const node = el("div.message", { role: "status" });
  const told = {
    node,
    say(words) {
      node.className = "message";
      fill(node, words);
    },
    clear: () => fill(node),
    /** Takes these words back, where nothing else has been said since. */
    unsay: (words) => node.textContent === words && fill(node),
    /**
     * Runs a task; what goes wrong is told here. Gives true where all went well. `again`: it goes on by itself, and so
     * what it told last is told no second time.
     */
    async during(task, busy = "", { again = false } = {}) {
      const before = again ? node.textContent : busy;
      if (!again) {
        node.className = "message";
        fill(node, busy);
      }
      try {
        await task();
        if (node.textContent === before) fill(node);
        return true;
      } catch (error) {
        if (!(error instanceof Refused || error instanceof Unreachable || error instanceof Error)) throw error;
        if (again && error.message === before) return false;
        node.className = "message problem";
        fill(node, error.message);
        return false;
      }
    },
    /** What a button does that starts or changes something: pressed again until that is done, it is one press. */
    once(task) {
      let atWork = false;
      return async () => {
        if (atWork) return;
        atWork = true;
        await told.during(task);
        atWork = false;
      };
    },
  };
  return told;
}

/** A text as one word of a command line's value: with special characters it is quoted as the configuration's grammar wants. */
export function quoted(text) {
  if (/^[\w./@:+-]+$/.test(text)) return text;
  return `"${text.replace(/(\\*)("|$)/g, (_, slashes, quote) => slashes + slashes + (quote ? '\\"' : ""))}"`;
}

/** A task that is never at work twice at once: what is asked meanwhile is one more turn after it, so the last word wins. */
export function inTurn(task) {
  let running = null;
  let again = false;
  return function turn() {
    if (running !== null) {
      again = true;
      return running;
    }
    running = (async () => {
      try {
        do {
          again = false;
          await task();
        } while (again);
      } finally {
        running = null;
      }
    })();
    return running;
  };
}

/** For questions that may be under way at once: `const stands = asked()`, and with the answer `stands()`, true for the newest. */
export function newest() {
  let last = null;
  return () => {
    const mine = {};
    last = mine;
    return () => last === mine;
  };
}

export function select(options, chosen, properties = {}) {
  const node = el("select", properties, options.map(([value, text]) => new Option(text, value)));
  node.value = chosen;
  return node;
}

export function commandLine(text) {
  const name = (words) => `Command line: ${words.split(" ").slice(0, 3).join(" ")}`;
  const pre = el("pre", { tabindex: "0", role: "region", "aria-label": name(text) }, text);
  const button = el("button", { type: "button" }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(pre.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(pre);
      button.textContent = "Press Ctrl+C";
    }
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
  const node = el("div.command", {}, pre, button);
  return {
    node,
    set(words) {
      pre.textContent = words;
      pre.setAttribute("aria-label", name(words));
    },
  };
}

/** `whole`: no cell's words are broken; the table is moved sideways instead. */
export function table(heads, rows, { label, narrow = false, whole = false } = {}) {
  return el("div.scroll", { tabindex: "0", role: "region", "aria-label": label },
    el(`table${narrow ? ".narrow" : ""}${whole ? ".whole" : ""}`, {},
      el("thead", {}, el("tr", {}, heads.map((head) => el("th", { scope: "col" }, head)))),
      el("tbody", {}, rows.map((row) => el("tr", {}, row.map((cell, place) => (place === 0 ? el("th", { scope: "row" }, cell) : el("td", {}, cell))))))));
}

/** The seven emotions: what every model predicts that does not say otherwise. */
export const EMOTIONS = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"];

/** What runs predict, each label once; the store's entries do not say so where it is the seven emotions. */
export const labelsOf = (entries) => [...new Set(entries.flatMap((entry) => entry?.labels ?? EMOTIONS))];

/** The options of a select, with the one kept that was chosen, where it is still there. */
export function offer(node, options) {
  const now = JSON.stringify(options);
  if (node.dataset.offered === now) return;
  node.dataset.offered = now;
  const chosen = node.value;
  fill(node, options.map(([value, text]) => new Option(text, value)));
  if (options.some(([value]) => value === chosen)) node.value = chosen;
}

export const statusBadge = (status) => el(`span.status.${status}`, {}, status);

const png = (base64) => new Blob([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))], { type: "image/png" });

/** The address of a PNG that came as base64; whoever shows it lets it go again. */
export const pngAddress = (base64) => URL.createObjectURL(png(base64));

/** An image of a blob, whose address is let go once it is read. */
function image(what, blob, alt) {
  const address = URL.createObjectURL(blob);
  const done = () => URL.revokeObjectURL(address);
  return el(what, { src: address, alt, onload: done, onerror: done });
}

export const sheet = (blob, alt) => image("img.sheet", blob, alt);
export const faceImage = (base64, alt) => image("img.face", png(base64), alt);
