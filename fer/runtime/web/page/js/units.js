// Expressions as facial action units (AUs): what moves in a face, and how much.
//
// An AU is the visible trace of one muscle (P. Ekman, W. Friesen, J. Hager, "Facial Action Coding System", 2002); which
// AUs make which emotion is EMFACS (W. Friesen, P. Ekman, 1983) and its prototypes (Lucey et al., CVPR-W 2010, table 1;
// Du et al., PNAS 2014, table 1). The same as in fer/data/synthetic/action_units.py.

import { t } from "./i18n.js";
import { capital } from "./words.js";

/** Emotion -> {AU: activation at full strength}. */
export const PROTOTYPES = {
  angry: { 4: 1, 5: 0.55, 7: 0.7, 23: 1, 17: 0.45 },
  disgust: { 9: 1, 4: 0.45, 7: 0.5, 15: 0.7, 16: 0.35, 25: 0.2, 10: 0.6 },
  fear: { 1: 1, 2: 0.55, 4: 0.75, 5: 1, 7: 0.25, 20: 0.9, 25: 0.6, 26: 0.35 },
  happy: { 6: 0.8, 12: 1, 25: 0.7 },
  sad: { 1: 1, 4: 0.6, 15: 1, 17: 0.35, 43: 0.25 },
  surprise: { 1: 1, 2: 1, 5: 0.85, 25: 0.6, 26: 0.9 },
  neutral: {},
};
export const EXPRESSIONS = Object.keys(PROTOTYPES);

/** Where an AU is seen. */
const REGIONS = { brows: [1, 2, 4], eyes: [5, 6, 7, 43], nose: [9], mouth: [10, 12, 15, 16, 17, 20, 23, 25, 26] };
/** Less is hardly seen: not worth a word. */
const SEEN = 0.3;

/** The AUs of an expression that can be seen, by region: {brows: [1, 2], ...}, the strongest first. */
export function seen(label) {
  const units = PROTOTYPES[label];
  const found = {};
  for (const [region, numbers] of Object.entries(REGIONS)) {
    const here = numbers.filter((unit) => (units[unit] ?? 0) >= SEEN).sort((a, b) => units[b] - units[a]);
    if (here.length > 0) found[region] = here;
  }
  return found;
}

/** What moves, in words, region by region: [["eyes", "Lids tightened (AU 7), ..."], ...]. */
export function described(label) {
  const found = Object.entries(seen(label));
  if (found.length === 0) return [[null, t("units.none")]];
  const one = (unit) => t("units.one", { what: t(`unit.${unit}`), unit: String(unit) });
  // Each says of which part it is: a heading before it would say that twice.
  return found.map(([region, units]) => [region, t("sentence", { each: capital(units.map(one).join(t("list.comma"))) })]);
}

/** What one of two expressions shows that the other does not, in words; "" where there is nothing. */
export function apart(one, two) {
  const [mine, theirs] = [one, two].map((label) => Object.values(seen(label)).flat());
  return mine.filter((unit) => !theirs.includes(unit)).map((unit) => t(`unit.${unit}`)).join(t("list.comma"));
}
