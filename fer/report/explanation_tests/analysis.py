"""Tests of heat maps on the faces of a run: what is tested on which faces, and the section that tells it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fer.common.labels import EMOTIONS
from fer.report.explanation_tests.measurement import Trust, check_maps, moved_parts, play_pointing, truth_masks
from fer.report.explanation_tests.section import trust_finding
from fer.report.explanations.methods import maps_by_method
from fer.report.finding import Finding
from fer.report.options import ExplanationsOptions
from fer.report.page.section import Images
from fer.report.scores.statements import protocol
from fer.report.subject import Subject


def assess_maps(subject: Subject, images: Images) -> Finding | None:
    """The tests of the maps of the run in detail; None where no method can be tested.

    Args:
        subject: the runs.
        images: uint8 array (N, C, H, W), the faces of the headline set.
    """
    trust, missing = _tested(subject, images)
    if trust is None:
        return None
    title = subject.run.headline.evaluation_set.title
    statement = f"{title}, {protocol(subject.run)}, no test-time augmentation"
    return trust_finding(trust, missing=missing, title=title, statement=statement, seed=subject.options.seed)


def _tested(subject: Subject, images: Images) -> tuple[Trust | None, Sequence[str]]:
    """The tests of the maps, and why methods are missing from them; None where no method can be tested."""
    options, asked = subject.options, subject.options.explanations
    predictions = subject.run.headline.plain.predictions
    rows = np.random.default_rng([options.seed, 7]).permutation(len(predictions))[: asked.tested_faces]
    if len(rows) == 0:
        return None, ()
    classes = predictions.predicted[rows]
    maps = maps_by_method(subject.model, images[rows], classes, methods=asked.methods)
    missing = tuple(maps.missing.values())
    if not maps.maps:
        return None, missing
    trust = check_maps(
        subject.model,
        subject.ask_fast,
        images=images[rows],
        classes=classes,
        found=maps,
        randomised_faces=asked.randomised_faces,
        resamples=options.bootstrap,
        seed=options.seed,
    )
    return _with_pointing(subject, images, trust, asked), missing


def _with_pointing(subject: Subject, images: Images, trust: Trust, asked: ExplanationsOptions) -> Trust:
    """Adds the pointing game where the data say which part makes the emotion: drawn faces."""
    samples, predictions = subject.samples, subject.run.headline.plain.predictions
    if not samples.masks or asked.pointing_faces == 0:
        return trust
    shown = np.array([len(moved_parts()[emotion]) > 0 for emotion in EMOTIONS])
    right = np.flatnonzero((predictions.predicted == predictions.labels) & shown[predictions.labels])
    rows = np.random.default_rng([subject.options.seed, 8]).permutation(right)[: asked.pointing_faces]
    masks = truth_masks(samples, subject.run.headline.evaluation_set.rows[rows])
    # A hand or the picture's edge may hide every part.
    visible = masks.any(axis=(1, 2))
    if not visible.any():
        return trust
    results, chance = play_pointing(
        subject.model,
        images=images[rows[visible]],
        classes=predictions.labels[rows[visible]],
        masks=masks[visible],
        methods=tuple(trust.faithfulness),
        resamples=subject.options.bootstrap,
        seed=subject.options.seed,
    )
    return replace(trust, pointing=results, chance=chance)
