// What a map, covered halves and the drift log say, in words; the numbers are the server's.

import { fine, listed, named, percent, t } from "./i18n.js";
import { other } from "./words.js";

/** A label of less is no prediction: the model has other, likelier ones. As the server has it. */
export const FAINT = 0.1;
/** "Most" is more than half; as the server has it. */
const MOST = 0.5;
/** Whichever half is covered, a change of less does not matter. */
const LITTLE = 0.05;

const part = (name) => t(`part.${name.replaceAll(" ", "-")}`);

/** Where the evidence for a label lies; `heat`: as /api/explain gives it. */
export function evidence(heat) {
  const label = named(heat.label);
  const probability = heat.face.probabilities[heat.label];
  if (Object.values(heat.parts).every((share) => share === 0)) return t("heat.none", { label });
  const faint = probability < FAINT;
  const said = faint ? [t("heat.faint", { label, share: fine(probability) })] : [];
  const [first, second] = heat.standing_out;
  if (first === undefined) said.push(t("heat.spread", { label }));
  else {
    const values = { label, share: fine(probability), part: part(first), much: percent(heat.parts[first]) };
    said.push(t(faint ? "heat.little" : heat.parts[first] <= MOST ? "heat.more" : "heat.most", values));
    if (second !== undefined) said.push(t("heat.then", { part: part(second), much: percent(heat.parts[second]) }));
  }
  return said.join(" ");
}

/** The half of a picture as it is seen. */
export const half = (hidden, mirrored) => t(`half.${mirrored ? other[hidden] : hidden}`);

/** What covering halves changed; `rows`: as /api/occlusion gives them, the first with nothing covered. */
export function covered(rows, mirrored) {
  const [full, ...halves] = rows;
  const label = named(full.label);
  const changed = halves.filter((row) => row.label !== full.label);
  const said = [changed.length === 0 ? t("covers.same", { label }) : t("covers.changed", { label, each: listed(changed.map((row) => t("covers.change", { label: named(row.label), half: half(row.hidden, mirrored) }))) })];
  const left = (row) => row.probabilities[full.label];
  const moved = (row) => Math.abs(left(row) - full.confidence);
  const most = halves.reduce((one, two) => (moved(two) > moved(one) ? two : one));
  const values = { label, half: half(most.hidden, mirrored), from: percent(full.confidence), to: percent(left(most)) };
  if (moved(most) < LITTLE) said.push(t("covers.little", { label, share: percent(full.confidence) }));
  else said.push(t(left(most) < full.confidence ? "covers.falls" : "covers.rises", values));
  return said.join(" ");
}

/** What the drift log says; `state`: as /api/drift gives it. */
export function drifted(state) {
  const { faces: count } = state;
  if (!state.enough) return t("drift.few", { count, needed: state.limits.min_faces });
  const found = [];
  const judged = state.told_prior === null;
  if (judged && state.psi > state.psi_limit) {
    const off = (label) => Math.abs(state.shares[label] - state.reference[label]);
    const label = Object.keys(state.shares).reduce((one, two) => (off(two) > off(one) ? two : one));
    found.push(t("drift.label", { label: named(label), now: percent(state.shares[label]), usual: percent(state.reference[label]) }));
  }
  for (const [name, shift] of Object.entries(state.shifts)) if (shift.alarm) found.push(t(`drift.${name}.${shift.effect > 0 ? "more" : "less"}`));
  const said = found.length === 0 ? t("drift.same", { count }) : t("drift.differs", { count, each: listed(found) });
  return judged ? said : `${said} ${t("drift.told", { prior: state.told_prior })}`;
}
