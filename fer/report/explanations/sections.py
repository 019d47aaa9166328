"""The sections of the page that show faces."""

from typing import Any

from fer.report.evaluation.evaluate import EvaluatedRun
from fer.report.explanations.gallery import Example, Gallery
from fer.report.options import ExplanationsOptions
from fer.report.page.section import Section, data_uri, webp
from fer.report.page.wording import percent


def gradcam_section(run: EvaluatedRun, gallery: Gallery, *, seed: int) -> Section:
    """Correct and wrong answers with the places that spoke for them."""
    return Section(
        key="gradcam",
        title="Where the model looks",
        template="explanations/gradcam.html.j2",
        context={
            "groups": [
                (emotion, [_card(example) for example in correct], [_card(example) for example in wrong])
                for emotion, correct, wrong in gallery.by_class
            ],
            "note": gallery.note,
            "grid": gallery.grid,
            "seed": seed,
            "title": run.headline.evaluation_set.title,
        },
    )


def mistakes_section(run: EvaluatedRun, gallery: Gallery, options: ExplanationsOptions) -> Section:
    """The wrong answers the model was surest of, and the right ones it was least sure of."""
    return Section(
        key="mistakes",
        title="Confident mistakes, hesitant successes",
        template="explanations/mistakes.html.j2",
        context={
            "mistakes": [_card(example) for example in gallery.mistakes] if options.mistakes > 0 else None,
            "successes": [_card(example) for example in gallery.successes] if options.successes > 0 else None,
            "title": run.headline.evaluation_set.title,
            "noisy": run.data.is_fer2013,
        },
    )


def _card(example: Example) -> dict[str, Any]:
    answer = f"answered {example.predicted}, {percent(example.confidence, 0)}"
    beside = (
        "; beside it the places that spoke for this answer"
        if example.has_map
        else "; its heat map is empty"
        if example.empty_map
        else ""
    )
    return {
        "uri": data_uri(webp(example.picture), "image/webp"),
        "width": example.picture.shape[1],
        "height": example.picture.shape[0],
        "alt": f"Face labelled {example.true}, {answer}{beside}.",
        "true": example.true,
        "predicted": example.predicted,
        "confidence": percent(example.confidence, 0),
        "correct": example.correct,
        "empty": example.empty_map,
        "id": example.id,
    }
