"""Every model on the same faces under every mask, and what training on one half brings back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from fer.data.face_masks import FACE_MASKS, STUDY_MASKS, WHOLE, FaceMask, Faces, masked
from fer.data.regions import HALVES
from fer.metrics import Estimate, Predictions, evaluate, evaluate_classes
from fer.metrics.retention import loss_recovered, retention
from fer.metrics.significance import accuracy_difference, same_faces
from fer.report.context import ReportContext
from fer.report.evaluation.evaluate import EvaluatedRun, score
from fer.report.faces import choose_faces

if TYPE_CHECKING:
    from fer.models.checkpoint import LoadedModel

# The bounds of an interval from 1,000 resamples wander by a twelfth of its half width; more would double the time.
_RESAMPLES: Final = 1000

REGION_ORDER: Final = tuple(mask.key for mask in STUDY_MASKS)


@dataclass(frozen=True, kw_only=True)
class MaskScores:
    """One model under one mask.

    Attributes:
        mask: what was hidden.
        predictions: its predictions.
        metrics: a key of `fer.metrics.METRICS` -> score with interval.
        recall: emotion -> recall with interval.
        retention: accuracy as a share of the same model's on whole faces.
    """

    mask: FaceMask
    predictions: Predictions
    metrics: Mapping[str, Estimate]
    recall: Mapping[str, Estimate]
    retention: Estimate


@dataclass(frozen=True, kw_only=True)
class RunUnderMasks:
    """One run under several masks.

    Attributes:
        run: the run.
        scores: mask key -> scores, `full` first, in the order of `FACE_MASKS`.
    """

    run: EvaluatedRun
    scores: Mapping[str, MaskScores]

    @property
    def trained_on(self) -> str:
        """The part of the face it was trained on."""
        return self.run.record.visible


def score_under_masks(context: ReportContext) -> tuple[RunUnderMasks, tuple[RunUnderMasks, ...], tuple[str, ...]]:
    """The run in detail under every mask, all runs under the masks of the study, and cautions.

    The second is empty unless the runs were trained under at least two different masks. Every model predicts the
    very same faces: the headline set of the run in detail. A run that was trained on other data is left out.
    """
    detail = context.run
    key = detail.headline_key
    rows = detail.headline.evaluation_set.rows
    images = np.ascontiguousarray(context.samples.images[rows])
    wide = [mask for mask in FACE_MASKS if mask.kind != "patches" or min(images.shape[-2:]) >= 8]
    others = [run for run in context.runs if run is not detail]
    if len({run.record.visible for run in context.runs}) < 2:
        chosen = choose_faces(len(images), most=context.options.occlusion.max_faces, seed=context.options.seed)
        return _score(detail, key, context.model, images, wide, context, chosen=chosen), (), ()
    first = _score(detail, key, context.model, images, wide, context)
    study = [replace(first, scores={mask: first.scores[mask] for mask in REGION_ORDER})]
    cautions = []
    for run in others:
        if key not in run.sets or not same_faces(run.sets[key].plain.predictions, first.scores["full"].predictions):
            cautions.append(f"{run.record.name} is left out: it is scored on other data than {detail.record.name}.")
            continue
        study.append(_score(run, key, context.models.of(run.record), images, STUDY_MASKS, context))
    order = {region: number for number, region in enumerate(REGION_ORDER)}
    study.sort(key=lambda one: order.get(one.trained_on, len(order)))
    missing = [region for region in REGION_ORDER if region not in {one.trained_on for one in study}]
    if missing:
        cautions.append(f"No run here was trained on: {', '.join(missing)}. The study is not complete.")
    return first, tuple(study) if len({one.trained_on for one in study}) > 1 else (), tuple(cautions)


def _score(
    run: EvaluatedRun,
    key: str,
    model: "LoadedModel",
    images: Faces,
    masks: Sequence[FaceMask],
    context: ReportContext,
    *,
    chosen: npt.NDArray[np.int64] | None = None,
) -> RunUnderMasks:
    """`chosen` are the places of the faces to take; None takes all."""
    whole = run.sets[key].plain
    if chosen is not None and len(chosen) < len(images):
        images = images[chosen]
        whole = score(whole.predictions.take(chosen), resamples=context.options.bootstrap, seed=context.options.seed)
    options = context.options
    resamples = min(options.bootstrap, _RESAMPLES)
    scores = {}
    for mask in masks:
        if mask is WHOLE:
            table, metrics, classes = whole.predictions, whole.metrics, whole.classes
        else:
            changed = masked(images, mask, seed=options.seed)
            table = replace(
                whole.predictions, probabilities=model.probabilities(changed, batch_size=options.batch_size, fast=True)
            )
            metrics = evaluate(table, resamples=resamples, seed=options.seed)
            classes = evaluate_classes(table)
        scores[mask.key] = MaskScores(
            mask=mask,
            predictions=table,
            metrics=metrics,
            recall={name: of.recall for name, of in classes.items()},
            retention=retention(whole.predictions, table, resamples=resamples, seed=options.seed),
        )
    return RunUnderMasks(run=run, scores=scores)


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """What training on one half brings back.

    Attributes:
        half: the half that is visible.
        before: the full-face model on whole faces.
        masked: the full-face model on that half.
        tuned: the model trained on that half, on that half.
        recovered: share of the loss that comes back; NaN where nothing is lost.
        gain: accuracy of `tuned` less that of `masked`.
    """

    half: str
    before: Estimate
    masked: Estimate
    tuned: Estimate
    recovered: Estimate
    gain: Estimate


def recoveries(study: Sequence[RunUnderMasks], *, resamples: int, seed: int) -> tuple[Recovery, ...]:
    """Every half for which there is a run trained on it, against the run on whole faces; empty without that one."""
    run_on = {one.trained_on: one for one in reversed(study)}
    if "full" not in run_on:
        return ()
    whole = run_on["full"].scores
    found = []
    for half in HALVES:
        if half not in run_on:
            continue
        tuned = run_on[half].scores[half]
        tables = whole["full"].predictions, whole[half].predictions, tuned.predictions
        found.append(
            Recovery(
                half=half,
                before=whole["full"].metrics["accuracy"],
                masked=whole[half].metrics["accuracy"],
                tuned=tuned.metrics["accuracy"],
                recovered=loss_recovered(*tables, resamples=resamples, seed=seed),
                gain=accuracy_difference(tables[2], tables[1], resamples=resamples, seed=seed),
            )
        )
    return tuple(found)
