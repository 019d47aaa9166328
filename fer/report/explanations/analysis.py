"""Faces beside what the net looked at, the average maps, and how far maps can be trusted."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from fer.common.labels import EMOTIONS
from fer.report.evaluation.evaluate import EvaluatedRun
from fer.report.explanations.class_maps import class_maps, class_maps_finding
from fer.report.explanations.compare import compare_finding, compared_rows
from fer.report.explanations.gallery import Explainer, Gallery, build_gallery
from fer.report.explanations.maps import maps_by_method
from fer.report.explanations.sections import gradcam_section, mistakes_section
from fer.report.explanations.trust import Trust, check_maps, play_pointing
from fer.report.explanations.trust_section import trust_finding
from fer.report.explanations.truth import moved_parts, truth_masks
from fer.report.finding import Finding
from fer.report.options import ExplanationsOptions, ReportOptions
from fer.report.page.section import Images, png
from fer.report.scores.statements import protocol
from fer.report.subject import Subject

if TYPE_CHECKING:
    from fer.explain.methods import Explainable


def analyse(subject: Subject) -> Finding | None:
    """The explanations of the headline set; None where they are switched off.

    For a page without faces everything is left out that shows one, the maps of single faces among it: the fine ones
    trace the face.
    """
    options, asked, run = subject.options, subject.options.explanations, subject.run
    if not asked.enabled:
        return None
    predictions = run.headline.plain.predictions
    images = subject.samples.images[run.headline.evaluation_set.rows]
    title = run.headline.evaluation_set.title
    explain = grad_cam_explainer(subject.model)
    found: list[Finding] = []
    if options.faces:
        gallery = build_gallery(
            predictions,
            images,
            explain=explain,
            per_class=asked.cam_images_per_class,
            mistakes=asked.mistakes,
            successes=asked.successes,
            seed=options.seed,
        )
        found.append(finding(run, gallery, options))
    if asked.class_map_faces > 0:
        averages = class_maps(
            predictions,
            images,
            explain=explain,
            count=asked.class_map_faces,
            resamples=options.bootstrap,
            seed=options.seed,
        )
        if averages:
            found.append(
                class_maps_finding(
                    averages, title=title, faces=options.faces, seed=options.seed, count=asked.class_map_faces
                )
            )
    rows = compared_rows(predictions, count=asked.compared_faces, seed=options.seed)
    if options.faces and len(rows) > 0:
        maps = maps_by_method(subject.model, images[rows], predictions.predicted[rows], methods=asked.methods)
        found.append(compare_finding(predictions, images[rows], rows, maps, title=title, seed=options.seed))
    trust, missing = _trust(subject, images)
    if trust is not None:
        statement = f"{title}, {protocol(run)}, no test-time augmentation"
        found.append(trust_finding(trust, missing=missing, title=title, statement=statement, seed=options.seed))
    return _joined(found)


def finding(run: EvaluatedRun, gallery: Gallery, options: ReportOptions) -> Finding:
    """The sections of a gallery, and its pictures as files."""
    sections = [gradcam_section(run, gallery, seed=options.seed)]
    if options.explanations.mistakes > 0 or options.explanations.successes > 0:
        sections.append(mistakes_section(run, gallery, options.explanations))
    by_class = [example for _, correct, wrong in gallery.by_class for example in (*correct, *wrong)]
    shown = (*by_class, *gallery.mistakes, *gallery.successes)
    return Finding(
        sections=tuple(sections), files={f"gradcam/{example.file_name}": png(example.picture) for example in shown}
    )


def grad_cam_explainer(model: "Explainable") -> Explainer:
    """Grad-CAM of a loaded model, from stored images to maps of their size; None for a net without places."""
    from fer.explain.attribution import NotApplicableError
    from fer.explain.heat_maps import HeatMaps
    from fer.explain.methods import explain

    def grad_cam(images: Images, classes: npt.NDArray[np.int64]) -> HeatMaps | None:
        try:
            return explain(model, images, classes, method="grad_cam")
        except NotApplicableError:
            return None

    return grad_cam


def _trust(subject: Subject, images: Images) -> tuple[Trust | None, Sequence[str]]:
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


def _joined(parts: Sequence[Finding]) -> Finding | None:
    if not parts:
        return None
    return Finding(
        sections=tuple(section for part in parts for section in part.sections),
        metrics={name: number for part in parts for name, number in part.metrics.items()},
        files={path: content for part in parts for path, content in part.files.items()},
        card=tuple(sentence for part in parts for sentence in part.card),
    )
