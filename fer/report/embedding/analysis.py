"""The map of the headline faces as the net sees them: faces that lie together look alike to it."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fer.report.context import ReportContext
from fer.report.embedding.measurement import LEAST_FACES, NEIGHBOURS, Embedding, embed, last_features
from fer.report.explanations.gallery import draw
from fer.report.faces import choose_faces
from fer.report.page.section import Images, Section, data_uri
from fer.report.page.wording import percent
from fer.report.result import AnalysisResult
from fer.report.scores.statements import statement
from fer.report.scores.tables import csv_text

SPRITE_BYTES: Final = 220_000
"""Most that the faces take as a file; the page carries them a third longer, as text."""

_ACROSS: Final = 40
_SIDES: Final = (32, 24, 16)
_QUALITIES: Final = (60, 40, 25)
_SIZE: Final = 1000
"""Units along each side of the drawing."""


def analyse(context: ReportContext) -> AnalysisResult | None:
    """The map; None where it is off, for too few faces, or where the net has no last linear layer to read or shows it
    the same numbers for all faces.
    """
    options, run = context.options, context.run
    rows, table = run.headline.evaluation_set.rows, run.headline.plain.predictions
    if not options.embedding.enabled or len(rows) < LEAST_FACES:
        return None
    chosen = choose_faces(len(rows), most=options.embedding.max_faces, seed=options.seed)
    images = np.ascontiguousarray(context.samples.images[rows[chosen]])
    features = last_features(context.model, images, batch_size=options.batch_size)
    if features is None:
        return None
    table = table.take(chosen)
    found = embed(features, table.labels, seed=options.seed)
    if found is None:
        return None
    places = np.rint(found.places * _SIZE).astype(int)
    sprite = sprite_of(images) if options.faces else None
    rows_of_file = [
        {
            "id": name,
            "x": x,
            "y": y,
            "label": run.labels[label],
            "predicted": run.labels[predicted],
            "confidence": round(float(confidence), 4),
        }
        for name, (x, y), label, predicted, confidence in zip(
            table.ids.tolist(), places.tolist(), table.labels, table.predicted, table.confidence, strict=True
        )
    ]
    drawn = "" if len(chosen) == len(rows) else f", of which {len(chosen):,} drawn at random (seed {options.seed})"
    section = Section(
        key="embedding",
        title="How faces lie for the model",
        template="embedding/section.html.j2",
        context={
            "points": points(places, table.labels, table.predicted, table.confidence),
            "emotions": run.labels,
            "size": _SIZE,
            "sprite": sprite,
            "dimensions": found.dimensions,
            "neighbours": NEIGHBOURS,
            "agree": percent(found.neighbours_agree),
            "trust": f"{found.trustworthiness:.2f}",
            "statement": f"{statement(run, run.headline_key)}{drawn}",
            "seed": options.seed,
        },
        lead=lead_of(found),
    )
    return AnalysisResult(
        sections=(section,),
        metrics={
            "n": len(chosen),
            "dimensions": found.dimensions,
            "neighbours_agree": found.neighbours_agree,
            "trustworthiness": found.trustworthiness,
        },
        files={"embedding.csv": csv_text(rows_of_file)},
    )


def lead_of(found: Embedding) -> str:
    """The map's one number: how often neighbours agree."""
    agree = percent(found.neighbours_agree)
    return f"Of the {NEIGHBOURS} faces nearest to a face, the most frequent label is its own in {agree} of cases."


def points(
    places: npt.NDArray[np.int_],
    labels: npt.NDArray[np.int64],
    predicted: npt.NDArray[np.int64],
    confidence: npt.NDArray[np.floating[Any]],
) -> list[tuple[int, int, int, int, int]]:
    """Of each face: x, y, label, prediction and confidence in percent."""
    shares = np.rint(100 * confidence).astype(int)
    return list(zip(*places.T.tolist(), labels.tolist(), predicted.tolist(), shares.tolist(), strict=True))


def sprite_of(images_NCHW: Images) -> dict[str, Any]:
    """All faces in one picture, in rows of `across`: the largest and finest that stays below `SPRITE_BYTES`."""
    import cv2

    for side in _SIDES:
        sheet = np.zeros((-(-len(images_NCHW) // _ACROSS) * side, _ACROSS * side, 3), np.uint8)
        for place, image in enumerate(images_NCHW):
            face = cv2.resize(draw(image, None), (side, side), interpolation=cv2.INTER_AREA)
            y, x = side * (place // _ACROSS), side * (place % _ACROSS)
            sheet[y : y + side, x : x + side] = face
        for quality in _QUALITIES:
            done, encoded = cv2.imencode(
                ".webp", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_WEBP_QUALITY, quality]
            )
            assert done
            if len(encoded) <= SPRITE_BYTES:
                break
        else:
            continue
        break
    height, width = sheet.shape[:2]
    uri = data_uri(bytes(encoded), "image/webp")
    return {"uri": uri, "side": side, "across": _ACROSS, "width": width, "height": height}
