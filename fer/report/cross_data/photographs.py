"""The model on photographs: a face is found first, then read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fer.common.label_set import check_emotions
from fer.common.labels import EMOTIONS
from fer.common.wording import counted
from fer.data.photographs import Photographs, read_photographs
from fer.data.resize import fit_images
from fer.metrics.estimate import Estimate
from fer.metrics.photographs import NO_FACE, PhotographScores, score_photographs
from fer.report.options import CrossPhotographs
from fer.report.page.section import Section, cell
from fer.report.page.wording import interval, percent
from fer.report.scores.tables import csv_text
from fer.runtime.largest_face import largest_faces


@dataclass(frozen=True, kw_only=True)
class ReadPhotographs:
    """One set of photographs, read by the model.

    Attributes:
        key: names it in files; unique.
        title: names it in tables.
        detector: what found the faces.
        photographs: what was read.
        predicted: int64 array (N,), index of an emotion or `NO_FACE`.
        unreadable: photographs that cannot be decoded, which count as not found.
        scores: how it did.
    """

    key: str
    title: str
    detector: str
    photographs: Photographs
    predicted: npt.NDArray[np.int64]
    unreadable: int
    scores: PhotographScores


def read_set(
    wanted: CrossPhotographs,
    *,
    key: str,
    size: int,
    channels: int,
    labels: tuple[str, ...],
    predict: Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]],
    resamples: int,
    seed: int,
) -> ReadPhotographs:
    """Finds the largest face of each photograph, as fer-predict does, and asks the model about it.

    Args:
        wanted: the photographs.
        key: see `ReadPhotographs`.
        size: height and width of the faces that the model was trained on.
        channels: of the same.
        labels: what it predicts.
        predict: images (N, C, H, W) -> probabilities (N, 7).
        resamples: bootstrap resamples.
        seed: of the resampling.

    Raises:
        DataError: the photographs cannot be matched with their labels.
    """
    check_emotions(labels, "cross_data.photographs")
    photographs = read_photographs(wanted.root, wanted.labels)
    found = largest_faces(photographs.contents(), size=size, detector=wanted.detector)
    predicted_N = np.full(len(photographs.names), NO_FACE, dtype=np.int64)
    if len(found.faces) > 0:
        images = fit_images(found.faces[:, None], size=size, channels=channels)
        predicted_N[found.places] = predict(images).argmax(axis=1)
    return ReadPhotographs(
        key=key,
        title=wanted.title or wanted.root.stem,
        detector=wanted.detector,
        photographs=photographs,
        predicted=predicted_N,
        unreadable=found.unreadable,
        scores=score_photographs(
            photographs.labels, predicted_N, persons_N=photographs.persons, resamples=resamples, seed=seed
        ),
    )


def photographs_section(read: Sequence[ReadPhotographs], *, run: str) -> Section:
    """The table of all sets."""
    return Section(
        key="photographs",
        title="On photographs",
        template="cross_data/photographs.html.j2",
        context={"rows": [_table_row(one) for one in read], "emotions": EMOTIONS, "run": run},
        lead=" ".join(sentence(one) for one in read),
    )


def sentence(one: ReadPhotographs) -> str:
    """What a reader takes away."""
    scores = one.scores
    neutral = scores.recalls.get("neutral")
    told = f", neutral faces called neutral {percent(neutral.value)}" if neutral is not None else ""
    return (
        f"{one.title} (n = {scores.found.n:,}, detector {one.detector}): a face found in "
        f"{percent(scores.found.value)}, "
        f"right of the found {percent(scores.right_of_found.value)} "
        f"({interval('accuracy', scores.right_of_found)}), right of all {percent(scores.right_of_all.value)}{told}."
    )


def _table_row(one: ReadPhotographs) -> dict[str, Any]:
    scores = one.scores
    undefined = Estimate(value=np.nan, low=np.nan, high=np.nan, n=0)
    return {
        "title": one.title,
        "detector": one.detector,
        "n": scores.found.n,
        "persons": "not told" if scores.persons is None else f"{scores.persons:,}",
        "cells": [
            cell("accuracy", estimate)
            for estimate in (scores.found, scores.right_of_found, scores.right_of_all, scores.balanced)
        ],
        "over": ", ".join(scores.balanced_over) or "none",
        "recalls": [
            (cell("accuracy", recall), recall.n) if recall.n > 0 else None
            for recall in (scores.recalls.get(emotion, undefined) for emotion in EMOTIONS)
        ],
        "notes": [
            *one.photographs.notes,
            *(
                [f"{counted(one.unreadable, 'photograph')} cannot be decoded: counted as not found."]
                if one.unreadable
                else []
            ),
        ],
    }


def metrics_of(one: ReadPhotographs) -> dict[str, Any]:
    """Its part of metrics.json."""
    facts = {"title": one.title, "detector": one.detector, "n": one.scores.found.n, "unreadable": one.unreadable}
    return {**facts, **one.scores.as_dict()}


def predictions_csv(read: Sequence[ReadPhotographs]) -> str:
    """A row a photograph, from which every score can be counted again."""
    return csv_text(
        [
            {
                "set": one.key,
                "file": name,
                "person": None if one.photographs.persons is None else str(one.photographs.persons[n]),
                "emotion": EMOTIONS[one.photographs.labels[n]],
                "predicted": "" if one.predicted[n] == NO_FACE else EMOTIONS[one.predicted[n]],
            }
            for one in read
            for n, name in enumerate(one.photographs.names)
        ]
    )
