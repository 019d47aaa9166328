"""The same faces under every method, and why a method has no map."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fer.common.wording import counted
from fer.metrics import Predictions
from fer.report.explanations.gallery import Example, draw, draw_overlay
from fer.report.page.section import Images, Section, data_uri, png, webp
from fer.report.page.wording import percent
from fer.report.result import AnalysisResult

if TYPE_CHECKING:
    from fer.explain.heat_maps import HeatMaps
    from fer.explain.methods import Explainable


@dataclass(frozen=True, kw_only=True)
class MapsByMethod:
    """Maps of the same faces.

    Attributes:
        maps: method -> maps, in the order named; methods without a readable map are left out.
        missing: method -> why it has none, in a sentence.
    """

    maps: "Mapping[str, HeatMaps]"
    missing: Mapping[str, str]


def maps_by_method(
    model: "Explainable",
    images: npt.NDArray[np.uint8],
    classes: npt.NDArray[np.int64],
    *,
    methods: Sequence[str],
) -> MapsByMethod:
    """Asks each method; one that does not apply, or whose grid is too coarse to be read, is named with its reason."""
    from fer.explain.attribution import NotApplicableError
    from fer.explain.methods import METHODS, explain

    maps: dict[str, HeatMaps] = {}
    missing: dict[str, str] = {}
    for method in methods:
        try:
            found = explain(model, images, classes, method=method)
        except NotApplicableError as error:
            missing[method] = f"{METHODS[method].title} does not apply to this net: {error.reason}."
            continue
        if found.too_coarse:
            missing[method] = (
                f"{METHODS[method].title} has {found.grid[0]} x {found.grid[1]} cells for the whole face in this net: "
                "too coarse to say where it looks, so it is left out."
            )
        else:
            maps[method] = found
    return MapsByMethod(maps=maps, missing=missing)


def for_the_eye(found: "HeatMaps") -> npt.NDArray[np.float32]:
    """Maps (N, H, W) as they are drawn: those of single pixels smoothed by a forty-eighth of the side, strongest 1.

    Single pixels of a 48 px face are specks to the eye; every number is taken from the maps as they are.
    """
    import cv2

    if found.grid != found.maps.shape[1:]:
        return found.maps
    sigma = max(found.grid) / 48
    soft = np.array([cv2.GaussianBlur(heat, (0, 0), sigma) for heat in found.maps], dtype=np.float32)
    soft = soft.reshape(found.maps.shape)
    peak = soft.max(axis=(1, 2), keepdims=True, initial=0.0)
    smooth: npt.NDArray[np.float32] = np.divide(soft, peak, out=np.zeros_like(soft), where=peak > 0)
    return smooth


def compared_rows(predictions: Predictions, *, count: int, seed: int) -> npt.NDArray[np.int64]:
    """Rows of `count` faces drawn at random, each emotion in turn; fewer where the faces run out."""
    rng = np.random.default_rng([seed, 5])
    classes = range(len(predictions.classes))
    queues = [rng.permutation(np.flatnonzero(predictions.labels == c)).tolist() for c in classes]
    rounds = [row for turn in range(max(map(len, queues))) for queue in queues for row in queue[turn : turn + 1]]
    return np.array(rounds[:count], dtype=np.int64)


def comparison_result(
    predictions: Predictions, images: Images, rows: npt.NDArray[np.int64], found: MapsByMethod, *, title: str, seed: int
) -> AnalysisResult:
    """The section with the comparison, and its pictures under `explanations/`.

    Args:
        predictions: the table the rows belong to.
        images: uint8 array (N, C, H, W), the faces of `rows`.
        rows: the compared faces.
        found: their maps for the predicted emotion.
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
            true=predictions.classes[predictions.labels[row]],
            predicted=predictions.classes[predictions.predicted[row]],
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
                    "alt": f"{METHODS[method].title} of the face labelled {example.true}: places behind the prediction "
                    f"{example.predicted}.",
                }
            )
        shown.append(
            {
                "face": data_uri(webp(face), "image/webp"),
                "alt": f"Face labelled {example.true}, predicted {example.predicted}.",
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
        lead=f"{counted(len(rows), 'face')}, each under {counted(len(found.maps), 'kind')} of heat map.",
        context={
            "methods": [METHODS[method] for method in found.maps],
            "rows": shown,
            "missing": list(found.missing.values()),
            "title": title,
            "seed": seed,
            "n": len(rows),
        },
    )
    return AnalysisResult(sections=(section,), files=files)
