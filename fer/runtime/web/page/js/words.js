// Faces and places in words, for eyes and ears alike.

import { language, listed, named, percent, t } from "./i18n.js";
import { TOLD } from "./places.js";

export { fine, percent } from "./i18n.js";

/** The face as one sentence part: "happy, 93%" or "uncertain, perhaps sad, 31%"; without `sure`, no number. */
export function inWords(face, { sure = true } = {}) {
  if (!face || face.status !== "ok") return t("face.none");
  const values = { label: named(face.label), share: percent(face.confidence) };
  return t(`face.${face.uncertain ? "uncertain" : "certain"}.${sure ? "sure" : "plain"}`, values);
}

/** What the verdict says: what has to change before it is worth telling again. */
export function gist(face) {
  if (!face || face.status !== "ok") return t("face.none");
  return face.uncertain ? t("face.uncertain") : named(face.label);
}

const SIDES = { 2: ["left", "right"], 3: ["left", "middle", "right"] };

/**
 * All faces in words: one with its confidence, two and three by place, up to `TOLD` from left to right, more as counts;
 * `gist` is the same without numbers that change all the time. `faces` are in order.
 */
export function summary(faces, options) {
  const count = faces.length;
  if (count < 2) return { count, gist: gist(faces[0]), words: inWords(faces[0], options) };
  let each = faces.map(gist);
  let key = "people.row";
  if (count in SIDES) {
    each = each.map((what, index) => t(`people.${SIDES[count][index]}`, { what }));
    key = "people.placed";
  } else if (count > TOLD) {
    const counts = new Map();
    for (const what of each) counts.set(what, (counts.get(what) ?? 0) + 1);
    each = [...counts].sort((a, b) => b[1] - a[1]).map(([what, many]) => t("people.many", { many, what }));
    key = "people.counted";
  }
  const words = t(key, { count, each: listed(each) });
  return { count, gist: words, words };
}

/** Seconds as people say them: "1.5 seconds", "2 seconds". */
export const seconds = (ms) => t("seconds", { count: ms / 1000 });

/** As the language of the page has it: in a Turkish browser, an English "i" would get a dot otherwise. */
export const capital = (text) => text.charAt(0).toLocaleUpperCase(language) + text.slice(1);

export const other = { left: "right", right: "left", upper: "upper", lower: "lower" };
