"""The same faces under every method, a row a face."""

from typing import Any

import numpy as np
import numpy.typing as npt

from fer.common.labels import EMOTIONS
from fer.metrics import Predictions
from fer.report.explanations.gallery import Example, draw, draw_overlay
from fer.report.explanations.maps import MapsByMethod, for_the_eye
from fer.report.finding import Finding
from fer.report.page.section import Images, Section, data_uri, png, webp
from fer.report.page.wording import percent


def compared_rows(predictions: Predictions, *, count: int, seed: int) -> npt.NDArray[np.int64]:
    """Rows of `count` faces drawn at random, each emotion in turn; fewer where the faces run out."""
    rng = np.random.default_rng([seed, 5])
    queues = [rng.permutation(np.flatnonzero(predictions.labels == c)).tolist() for c in range(len(EMOTIONS))]
    rounds = [row for turn in range(max(map(len, queues))) for queue in queues for row in queue[turn : turn + 1]]
    return np.array(rounds[:count], dtype=np.int64)


def compare_finding(
    predictions: Predictions, images: Images, rows: npt.NDArray[np.int64], found: MapsByMethod, *, title: str, seed: int
) -> Finding:
    """The section with the comparison, and its pictures under `explanations/`.

    Args:
        predictions: the table the rows belong to.
        images: uint8 array (N, C, H, W), the faces of `rows`.
        rows: the compared faces.
        found: their maps for the answer given.
        title: the set, in words.
        seed: of the draw, to be told.
    """
    from fer.explain.methods import METHODS

    drawn = {method: for_the_eye(maps) for method, maps in found.maps.items()}
    files: dict[str, bytes] = {}
    shown = []
    for n, row in enumerate(rows.tolist()):
        face = draw(images[n], None)
        example = Example(
            row=row,
            id=str(predictions.ids[row]),
            true=EMOTIONS[predictions.labels[row]],
            predicted=EMOTIONS[predictions.predicted[row]],
            confidence=float(predictions.confidence[row]),
            picture=face,
            has_map=False,
            empty_map=False,
        )
        cells: list[dict[str, Any]] = []
        for method, maps in found.maps.items():
            if maps.empty[n]:
                cells.append({"uri": None, "title": METHODS[method].title})
                continue
            overlay = draw_overlay(images[n], drawn[method][n])
            files[f"explanations/{method}__{example.file_name}"] = png(overlay)
            cells.append(
                {
                    "uri": data_uri(webp(overlay), "image/webp"),
                    "title": METHODS[method].title,
                    "alt": f"{METHODS[method].title} of the face labelled {example.true}: places behind the answer "
                    f"{example.predicted}.",
                }
            )
        shown.append(
            {
                "face": data_uri(webp(face), "image/webp"),
                "alt": f"Face labelled {example.true}, answered {example.predicted}.",
                "true": example.true,
                "predicted": example.predicted,
                "correct": example.correct,
                "confidence": percent(example.confidence, 0),
                "id": example.id,
                "cells": cells,
            }
        )
    section = Section(
        key="methods",
        title="The same faces, several methods",
        template="explanations/compare.html.j2",
        context={
            "methods": [METHODS[method] for method in found.maps],
            "rows": shown,
            "missing": list(found.missing.values()),
            "title": title,
            "seed": seed,
            "n": len(rows),
        },
    )
    return Finding(sections=(section,), files=files)
