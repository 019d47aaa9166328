"""Faces beside what the net looked at, the average maps, and how far maps can be trusted."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from fer.report.context import ReportContext
from fer.report.evaluation.evaluate import EvaluatedRun
from fer.report.explanation_tests.analysis import assess_maps
from fer.report.explanations.class_maps import class_maps, class_maps_result
from fer.report.explanations.gallery import Explainer, Gallery, build_gallery, gradcam_section, mistakes_section
from fer.report.explanations.methods import compared_rows, comparison_result, maps_by_method
from fer.report.options import ReportOptions
from fer.report.page.section import Images, png
from fer.report.result import AnalysisResult

if TYPE_CHECKING:
    from fer.explain.methods import Explainable


def analyse(context: ReportContext) -> AnalysisResult | None:
    """The explanations of the headline set; None where they are switched off.

    For a page without faces everything is left out that shows one, the maps of single faces among it: the fine ones
    trace the face.
    """
    options, wanted, run = context.options, context.options.explanations, context.run
    if not wanted.enabled:
        return None
    predictions = run.headline.plain.predictions
    images = context.samples.images[run.headline.evaluation_set.rows]
    title = run.headline.evaluation_set.title
    explain = grad_cam_explainer(context.model)
    found: list[AnalysisResult] = []
    if options.faces:
        gallery = build_gallery(
            predictions,
            images,
            explain=explain,
            per_class=wanted.cam_images_per_class,
            mistakes=wanted.mistakes,
            successes=wanted.successes,
            seed=options.seed,
        )
        found.append(gallery_result(run, gallery, options))
    if wanted.class_map_faces > 0:
        averages = class_maps(
            predictions,
            images,
            explain=explain,
            count=wanted.class_map_faces,
            resamples=options.bootstrap,
            seed=options.seed,
        )
        if averages:
            found.append(
                class_maps_result(
                    averages, title=title, faces=options.faces, seed=options.seed, count=wanted.class_map_faces
                )
            )
    rows = compared_rows(predictions, count=wanted.compared_faces, seed=options.seed)
    if options.faces and len(rows) > 0:
        maps = maps_by_method(context.model, images[rows], predictions.predicted[rows], methods=wanted.methods)
        found.append(comparison_result(predictions, images[rows], rows, maps, title=title, seed=options.seed))
    tests = assess_maps(context, images)
    if tests is not None:
        found.append(tests)
    return _joined(found)


def gallery_result(run: EvaluatedRun, gallery: Gallery, options: ReportOptions) -> AnalysisResult:
    """The sections of a gallery, and its pictures as files."""
    sections = [gradcam_section(run, gallery, seed=options.seed)]
    if options.explanations.mistakes > 0 or options.explanations.successes > 0:
        sections.append(mistakes_section(run, gallery, options.explanations))
    by_class = [example for _, correct, wrong in gallery.by_class for example in (*correct, *wrong)]
    shown = (*by_class, *gallery.mistakes, *gallery.successes)
    return AnalysisResult(
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


def _joined(parts: Sequence[AnalysisResult]) -> AnalysisResult | None:
    if not parts:
        return None
    return AnalysisResult(
        sections=tuple(section for part in parts for section in part.sections),
        metrics={name: number for part in parts for name, number in part.metrics.items()},
        files={path: content for part in parts for path, content in part.files.items()},
        card=tuple(sentence for part in parts for sentence in part.card),
    )
