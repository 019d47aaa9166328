"""Faces of the emotions that are confused most, and a sheet of faces of each emotion that were trained on."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fer.report.context import ReportContext
from fer.report.explanations.gallery import draw
from fer.report.page.section import Images, Section, data_uri, png, webp
from fer.report.page.wording import percent
from fer.report.result import AnalysisResult
from fer.report.scores.statements import statement

PAIRS: Final = 4
"""Confused pairs shown."""

FACES: Final = 6
"""Faces of each."""

SHEET: Final = 10
"""Training faces of each emotion on the sheet, where there are as many."""

_SIDE: Final = 64
_GAP: Final = 4


def analyse(context: ReportContext) -> AnalysisResult | None:
    """Both; None for a page without faces."""
    if not context.options.faces:
        return None
    sections, files = [], {}
    pairs = confused_pairs(context)
    if pairs:
        said = statement(context.run, context.run.headline_key)
        sections.append(
            Section(
                key="confused-faces",
                title="Faces of the most confused pairs",
                template="examples/pairs.html.j2",
                context={"pairs": pairs, "statement": said},
                folded=False,
            )
        )
    sheet = training_sheet(context)
    if sheet is not None:
        count = sheet_in_words(context.samples.labels[context.run.trained], classes=len(context.samples.classes))
        files["data_sheet.png"] = png(sheet)
        sections.append(
            Section(
                key="data-sheet",
                title="What it learned from",
                template="examples/sheet.html.j2",
                context={
                    "uri": data_uri(webp(sheet), "image/webp"),
                    "width": sheet.shape[1],
                    "height": sheet.shape[0],
                    "emotions": context.samples.classes,
                    "count": count,
                    "seed": context.options.seed,
                },
                lead=f"{count[0].upper()}{count[1:]} of each emotion, drawn at random from those that trained it.",
            )
        )
    return AnalysisResult(sections=tuple(sections), files=files) if sections else None


def confused_pairs(context: ReportContext) -> list[dict[str, Any]]:
    """The most frequent confusions, each with the faces the model was surest of."""
    run = context.run
    table, rows = run.headline.plain.predictions, run.headline.evaluation_set.rows
    if len(rows) == 0:
        return []
    counts = run.headline.plain.confusion.copy()
    np.fill_diagonal(counts, 0)
    places = np.argsort(-counts, axis=None, kind="stable")[:PAIRS]
    pairs = []
    for true, predicted in zip(*np.unravel_index(places, counts.shape), strict=True):
        count = int(counts[true, predicted])
        if count == 0:
            continue
        members = np.flatnonzero((table.labels == true) & (table.predicted == predicted))
        shown = members[np.argsort(-table.confidence[members], kind="stable")][:FACES]
        support = int(run.headline.plain.confusion[true].sum())
        pairs.append(
            {
                "true": run.labels[true],
                "predicted": run.labels[predicted],
                "told": f"{count:,} of {support:,} {run.labels[true]} faces ({percent(count / support, 0)})",
                "faces": [
                    {
                        "uri": data_uri(webp(_face(context.samples.images[rows[place]])), "image/webp"),
                        "alt": f"Face labelled {run.labels[true]}, predicted {run.labels[predicted]}.",
                        "confidence": percent(float(table.confidence[place]), 0),
                    }
                    for place in shown.tolist()
                ],
            }
        )
    return pairs


def sheet_in_words(labels_N: npt.NDArray[np.int64], *, classes: int) -> str:
    """How many faces of each emotion the sheet shows, of N that were trained on."""
    enough = np.bincount(labels_N, minlength=classes).min() >= SHEET
    return f"{'' if enough else 'up to '}{SHEET} Training faces"


def training_sheet(context: ReportContext) -> Images | None:
    """uint8 array (H, W, 3), RGB: a row for each emotion of the faces that the run was trained on, as much of them as
    it was shown; None where no such face is known."""
    samples, trained = context.samples, context.run.trained
    if len(trained) == 0:
        return None
    step = _SIDE + _GAP
    sheet: npt.NDArray[np.uint8] = np.full((len(samples.classes) * step - _GAP, SHEET * step - _GAP, 3), 255, np.uint8)
    rng = np.random.default_rng([context.options.seed, 9])
    for c in range(len(samples.classes)):
        members = trained[samples.labels[trained] == c]
        shown = np.sort(rng.permutation(members)[:SHEET])
        for place, image in enumerate(_visible(samples.images[shown], context.run.record.visible)):
            sheet[c * step : c * step + _SIDE, place * step : place * step + _SIDE] = _face(image)
    return sheet


def _visible(images_NCHW: Images, region: str) -> Images:
    if region == "full" or len(images_NCHW) == 0:
        return images_NCHW
    import torch

    from fer.data.occlusion import keep

    return np.asarray(keep(torch.from_numpy(np.ascontiguousarray(images_NCHW)), region))


def _face(image_CHW: Images) -> Images:
    import cv2

    return np.asarray(cv2.resize(draw(image_CHW, None), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), dtype=np.uint8)
