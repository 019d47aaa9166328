"""Tests of heat maps on the faces of a run: what is tested on which faces, and the section that tells it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fer.common.labels import label_of
from fer.report.context import ReportContext
from fer.report.explanation_tests.measurement import Trust, check_maps, ground_truth_masks, moved_parts, play_pointing
from fer.report.explanation_tests.section import tests_result
from fer.report.explanations.methods import maps_by_method
from fer.report.options import ExplanationsOptions
from fer.report.page.section import Images
from fer.report.result import AnalysisResult
from fer.report.scores.statements import protocol


def assess_maps(context: ReportContext, images: Images) -> AnalysisResult | None:
    """The tests of the maps of the run in detail; None where no method can be tested.

    Args:
        context: the runs.
        images: uint8 array (N, C, H, W), the faces of the headline set.
    """
    trust, missing = _tested(context, images)
    if trust is None:
        return None
    title = context.run.headline.evaluation_set.title
    statement = f"{title}, {protocol(context.run)}, no test-time augmentation"
    return tests_result(trust, missing=missing, title=title, statement=statement, seed=context.options.seed)


def _tested(context: ReportContext, images: Images) -> tuple[Trust | None, Sequence[str]]:
    """The tests of the maps, and why methods are missing from them; None where no method can be tested."""
    options, wanted = context.options, context.options.explanations
    predictions = context.run.headline.plain.predictions
    rows = np.random.default_rng([options.seed, 7]).permutation(len(predictions))[: wanted.tested_faces]
    if len(rows) == 0:
        return None, ()
    classes = predictions.predicted[rows]
    maps = maps_by_method(context.model, images[rows], classes, methods=wanted.methods)
    missing = tuple(maps.missing.values())
    if not maps.maps:
        return None, missing
    trust = check_maps(
        context.model,
        context.predict_fast,
        images=images[rows],
        classes=classes,
        found=maps,
        randomised_faces=wanted.randomised_faces,
        resamples=options.bootstrap,
        seed=options.seed,
    )
    return _with_pointing(context, images, trust, wanted), missing


def _with_pointing(context: ReportContext, images: Images, trust: Trust, wanted: ExplanationsOptions) -> Trust:
    """Adds the pointing game where the data say which part makes the emotion: synthetic faces."""
    samples, predictions = context.samples, context.run.headline.plain.predictions
    if not samples.masks or wanted.pointing_faces == 0:
        return trust
    parts = moved_parts()
    shown = np.array([len(parts.get(label_of(name) or "", ())) > 0 for name in predictions.classes])
    right = np.flatnonzero((predictions.predicted == predictions.labels) & shown[predictions.labels])
    rows = np.random.default_rng([context.options.seed, 8]).permutation(right)[: wanted.pointing_faces]
    masks = ground_truth_masks(samples, context.run.headline.evaluation_set.rows[rows])
    # A hand or the picture's edge may hide every part.
    visible = masks.any(axis=(1, 2))
    if not visible.any():
        return trust
    results, chance = play_pointing(
        context.model,
        images=images[rows[visible]],
        classes=predictions.labels[rows[visible]],
        masks=masks[visible],
        methods=tuple(trust.faithfulness),
        resamples=context.options.bootstrap,
        seed=context.options.seed,
    )
    return replace(trust, pointing=results, chance=chance)
