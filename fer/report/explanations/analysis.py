"""Faces beside what the net looked at."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from fer.report.explanations.gallery import Explainer, Gallery, build_gallery, png
from fer.report.explanations.sections import gradcam_section, mistakes_section
from fer.report.finding import Finding
from fer.report.options import ReportOptions
from fer.report.scores.evaluation import EvaluatedRun
from fer.report.subject import Subject

if TYPE_CHECKING:
    from fer.checkpoint import LoadedModel


def analyse(subject: Subject) -> Finding | None:
    """Faces of the headline set, with Grad-CAM maps where the options say so; None for a page without faces."""
    options, run = subject.options, subject.run
    if not options.faces:
        return None
    gallery = build_gallery(
        run.headline.plain.predictions,
        subject.samples.images[run.headline.evaluation_set.rows],
        explain=grad_cam_explainer(subject.model) if options.explain else None,
        per_class=options.cam_images_per_class,
        mistakes=options.mistakes,
        seed=options.seed,
    )
    return finding(run, gallery, options)


def finding(run: EvaluatedRun, gallery: Gallery, options: ReportOptions) -> Finding:
    """The sections of a gallery, and its pictures as files."""
    sections = []
    if options.explain:
        sections.append(gradcam_section(run, gallery, seed=options.seed))
    if options.mistakes > 0:
        sections.append(mistakes_section(run, gallery))
    by_class = [example for _, correct, wrong in gallery.by_class for example in (*correct, *wrong)]
    return Finding(
        sections=tuple(sections),
        files={f"gradcam/{example.file_name}": png(example.picture) for example in (*by_class, *gallery.mistakes)},
    )


def grad_cam_explainer(model: "LoadedModel") -> Explainer:
    """Grad-CAM of a loaded model, from stored images to maps of their size."""
    import torch

    from fer.explain import HeatMaps, grad_cam
    from fer.models.cam import cam_target

    target = cam_target(model.net, in_channels=model.spec.channels, size=model.spec.size)

    def explain(images: npt.NDArray[np.uint8], classes: npt.NDArray[np.int64]) -> HeatMaps | None:
        if target is None:
            return None
        layer, to_grid = target
        device = next(model.net.parameters()).device
        return grad_cam(
            model.net,
            x_NCHW=model.preprocess(torch.from_numpy(np.ascontiguousarray(images)).to(device)),
            classes_N=torch.from_numpy(classes).to(device),
            layer=layer,
            to_grid=to_grid,
            out_size=(images.shape[2], images.shape[3]),
        )

    return explain
