// What is said of a model, from nothing but the facts in its file.

import { apart, known, percent, t } from "./i18n.js";

const is = (model, source) => model.source.toLowerCase().startsWith(source);

/** A model's name in plain words where there are some ("everyday photographs"), else as the server gives it. */
export const plain = (name) => known(`model.${name}`, apart(name));

/** What its labels mean, how often they are right, and how often when it is certain. */
export function facts(model) {
  // The figures are the file's, measured with the shares of the expressions that it expects by itself.
  const without = model.told_prior === null ? "" : `${t("facts.told", { prior: model.told_prior })} `;
  return { labels: is(model, "synthetic faces") ? t("facts.synthetic") : t("facts.labels", { source: model.source }), scores: without + scores(model), certainty: without + certainty(model) };
}

function scores(model) {
  const { accuracy } = model.metrics;
  const { source, split } = model;
  if (!accuracy || accuracy.value === null) return t("facts.unscored", { source });
  const { n: count, value, low, high } = accuracy;
  const range = low === null || high === null ? "" : t("facts.range", { low: percent(low), high: percent(high) });
  const photographs = model.photographs ? [t("facts.photographs", { count: model.photographs.n, share: percent(model.photographs.accuracy) })] : [];
  if (model.photographs?.told.length > 0) photographs.push(t("facts.photographs.told"));
  const said = [...photographs, t("facts.scores", { count, split, source, share: percent(value), range })];
  if (is(model, "fer-2013")) said.push(t("facts.people", { share: percent(0.65) }));
  said.push(model.copies === null ? t("facts.copies.unknown") : model.copies === 0 ? t("facts.copies.none") : t("facts.copies", { count: model.copies, n: count }));
  // Where photographs set the threshold, these faces did not.
  said.push(t(model.photographs ? "facts.chosen.epoch" : "facts.chosen"));
  return said.join(" ");
}

function certainty(model) {
  if (model.threshold === null || model.answered_accuracy === null) return t("facts.never");
  // A line that was set on photographs says of how many.
  if (model.photographs) return t("facts.certainty.photographs", { count: model.photographs.n, coverage: percent(model.coverage), right: percent(model.answered_accuracy) });
  return t("facts.certainty", { coverage: percent(model.coverage), right: percent(model.answered_accuracy) });
}

/** The half that a model has never seen, which has to be hidden from it: models of the study of occlusion. */
export const unseenHalf = (name) => ({ upper: "lower", lower: "upper", left: "right", right: "left" })[name] ?? null;
