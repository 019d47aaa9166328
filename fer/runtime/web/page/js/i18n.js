// Every word of the page comes from a message file, in the language of the reader; `t` finds it there.

import { choice } from "./choices.js";

const FALLBACK = "en";

let messages = {};
let rules = null;
let whole = null;
let shares = null;

/** Language tag -> its name in itself, as the page offers them. */
export let languages = {};
/** The tag of the language that is shown and spoken. */
export let language = FALLBACK;

const file = async (name) => (await fetch(`page/messages/${name}.json`)).json();

/** The language of the address, else the first one of the browser that there is. */
function wished() {
  const tags = [choice("lang"), ...navigator.languages].filter((tag) => tag !== null);
  return tags.map((tag) => tag.toLowerCase().split("-")[0]).find((tag) => Object.hasOwn(languages, tag)) ?? FALLBACK;
}

/** Loads the messages and puts them into the page's elements; before it is done, nothing is said. */
export async function loadMessages() {
  languages = await file("languages");
  language = wished();
  messages = await file(language);
  const shown = { maximumFractionDigits: 2 };
  rules = new Intl.PluralRules(language, shown);
  whole = new Intl.NumberFormat(language, shown);
  shares = [0, 1].map((digits) => new Intl.NumberFormat(language, { style: "percent", minimumFractionDigits: digits, maximumFractionDigits: digits }));
  document.documentElement.lang = language;
  document.documentElement.dir = t("direction");
  fill(document);
}

/** Puts the messages into elements that name theirs: `data-t` as text, `data-t-label` as a name for those who do not look. */
export function fill(root) {
  for (const element of root.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  for (const element of root.querySelectorAll("[data-t-label]")) element.setAttribute("aria-label", t(element.dataset.tLabel));
}

/** The message `key`, with `{name}` replaced from `values`; `count` among them chooses between singular and plural. */
export function t(key, values = {}) {
  const found = messages[key];
  if (found === undefined) throw new Error(`no message ${key} in ${language}`);
  const text = typeof found === "string" ? found : (found[rules.select(values.count)] ?? found.other);
  return text.replace(/\{(\w+)\}/g, (_, name) => (typeof values[name] === "number" ? whole.format(values[name]) : NAMES.has(name) ? apart(values[name]) : values[name]));
}

/** What comes from elsewhere in a message: of files, models, data sets, computers. */
const NAMES = new Set(["name", "source", "split", "host", "prior"]);
/** Letters of Hebrew, Arabic and other scripts that run from right to left. */
const LEFTWARD = /[\u0590-\u08ff\ufb1d-\ufefc]/;

/**
 * A name, with its letters in their own order where those around it run the other way ("00.jpg" in Arabic, not "jpg.00"); what
 * follows it, as a share, stays behind it.
 */
export const apart = (name) => (document.documentElement.dir === "rtl" || LEFTWARD.test(name) ? `\u2068${name}\u2069` : name);

/** The message where there is one, else `otherwise`: for names that a server may give or not. */
export const known = (key, otherwise) => (key in messages ? t(key) : otherwise);

/** An expression's name, as the reader's language has it; a label of one's own as it is. */
export const named = (label) => known(`emotion.${label}`, apart(label));

export const percent = (share) => shares[0].format(share);
/** The same where less than one in a hundred counts: "0.7%", "under 0.1%". */
export const fine = (share) => (share < 0.001 ? t("share.tiny", { share: shares[1].format(0.001) }) : shares[share < 0.01 ? 1 : 0].format(share));
export const number = (value, digits) => new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
/** With its sign, and with no more digits than it needs; a sign keeps its side where the page runs from right to left. */
export const signed = (value, digits) => new Intl.NumberFormat(language, { signDisplay: "exceptZero", maximumFractionDigits: digits }).format(value).replace("-", "\u2212");
/** Parts of a sentence one after another, as the language lists them. */
export const listed = (parts) => parts.join(t("list.comma"));
