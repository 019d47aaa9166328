"""The average map of each emotion: where the evidence lies over many faces."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fer.data.regions import region_box
from fer.metrics import Estimate, Predictions
from fer.metrics.estimate import mean_estimate
from fer.report.explanations.gallery import Explainer, draw, draw_heat
from fer.report.page.section import Images, Section, cell, data_uri, png, webp
from fer.report.page.wording import percent
from fer.report.result import AnalysisResult
from fer.report.scores.tables import csv_text

REGIONS: Final = ("eyes", "mouth")


@dataclass(frozen=True, kw_only=True)
class ClassMap:
    """One emotion.

    Attributes:
        emotion: its name.
        face: uint8 array (C, H, W), mean of the faces.
        heat: float32 array (H, W), mean of their maps, each scaled to 1 at its strongest place.
        shares: region of `REGIONS` -> share of a map's heat inside it, with interval; n is the number of faces.
        empty: how many of the faces had an empty map.
    """

    emotion: str
    face: Images
    heat: npt.NDArray[np.float32]
    shares: dict[str, Estimate]
    empty: int


def class_rows(predictions: Predictions, *, count: int, seed: int) -> dict[str, npt.NDArray[np.int64]]:
    """Emotion -> rows of at most `count` correct predictions, drawn at random."""
    rng = np.random.default_rng([seed, 6])
    right = predictions.predicted == predictions.labels
    return {
        emotion: np.sort(rng.permutation(np.flatnonzero(right & (predictions.labels == c)))[:count])
        for c, emotion in enumerate(predictions.classes)
    }


def class_maps(
    predictions: Predictions, images: Images, *, explain: Explainer, count: int, resamples: int, seed: int
) -> tuple[ClassMap, ...]:
    """The average maps; none where the net has no readable map, and none for an emotion never predicted correctly.

    Args:
        predictions: the table.
        images: uint8 array (N, C, H, W), its faces.
        explain: makes the maps.
        count: correct predictions an emotion, at most.
        resamples: of the intervals.
        seed: of the draw and of the intervals.
    """
    averages = []
    for c, (emotion, rows) in enumerate(class_rows(predictions, count=count, seed=seed).items()):
        if len(rows) == 0:
            continue
        faces = images[rows]
        found = explain(faces, np.full(len(rows), c, dtype=np.int64))
        if found is None or found.too_coarse:
            return ()
        filled = found.maps[~found.empty]
        total = filled.sum(axis=(1, 2), dtype=np.float64)
        shares = {}
        for region in REGIONS:
            top, bottom, left, right = region_box(region, height=faces.shape[2], width=faces.shape[3])
            inside = filled[:, top:bottom, left:right].sum(axis=(1, 2), dtype=np.float64)
            shares[region] = mean_estimate(inside / total, resamples=resamples, seed=seed)
        averages.append(
            ClassMap(
                emotion=emotion,
                face=faces.mean(axis=0).round().astype(np.uint8),
                heat=found.maps.mean(axis=0),
                shares=shares,
                empty=int(found.empty.sum()),
            )
        )
    return tuple(averages)


def class_maps_result(
    averages: Sequence[ClassMap], *, title: str, faces: bool, seed: int, count: int
) -> AnalysisResult:
    """The section with the average maps, their numbers, and the pictures under `explanations/`.

    Args:
        averages: at least one emotion.
        title: the set, in words.
        faces: draw the mean face as well; a mean of many people is still made of the data set's faces.
        seed: of the draw, to be told.
        count: correct predictions an emotion, at most, to be told.
    """
    # One scale for all, so that the pictures compare.
    strongest = max(float(average.heat.max()) for average in averages)
    height, width = averages[0].heat.shape
    area = {}
    for region in REGIONS:
        top, bottom, left, right = region_box(region, height=height, width=width)
        area[region] = (bottom - top) * (right - left) / (height * width)
    files: dict[str, str | bytes] = {}
    cards, rows = [], []
    for average in averages:
        heat = average.heat / strongest if strongest > 0 else average.heat
        picture = draw(average.face, heat) if faces else draw_heat(heat)
        files[f"explanations/class_{average.emotion}.png"] = png(picture)
        n = average.shares["eyes"].n + average.empty
        cards.append(
            {
                "uri": data_uri(webp(picture), "image/webp"),
                "width": picture.shape[1],
                "height": picture.shape[0],
                "alt": f"Average Grad-CAM map of {average.emotion} over {n} faces: {_told(average)}.",
                "emotion": average.emotion,
                "n": n,
                "peak": percent(float(average.heat.max()), 0),
                "empty": average.empty,
            }
        )
        cells = [cell("accuracy", average.shares[region]) for region in REGIONS]
        rows.append({"emotion": average.emotion, "n": n, "cells": cells, "empty": average.empty})
    numbers: dict[str, Any] = {
        average.emotion: {f"heat_in_{region}": estimate.as_dict() for region, estimate in average.shares.items()}
        | {"peak": float(average.heat.max()), "empty_maps": average.empty}
        for average in averages
    }
    files["explanations/class_maps.csv"] = csv_text(
        [
            {"class": average.emotion, "n": average.shares["eyes"].n + average.empty, "empty": average.empty}
            | {
                key: value
                for region, share in average.shares.items()
                for key, value in {**share.as_columns(f"heat_in_{region}"), f"area_of_{region}": area[region]}.items()
            }
            for average in averages
        ]
    )
    section = Section(
        key="class-maps",
        title="Average map of each emotion",
        template="explanations/class_maps.html.j2",
        lead=f"Grad-CAM averaged over up to {count:,} correct predictions of each emotion.",
        context={
            "cards": cards,
            "rows": rows,
            "regions": [(region, percent(area[region], 0)) for region in REGIONS],
            "title": title,
            "faces": faces,
            "seed": seed,
            "count": count,
        },
    )
    return AnalysisResult(sections=(section,), files=files, metrics={"class_maps": numbers})


def _told(average: ClassMap) -> str:
    eyes, mouth = (percent(average.shares[region].value, 0) for region in REGIONS)
    return f"{eyes} of the heat in the band of the eyes, {mouth} in that of the mouth"
