"""Asks every run's model about the same spoilt faces, one corruption and severity in memory at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from fer.data.corruption.registry import CORRUPTIONS, corrupt, of_kind
from fer.metrics.robustness import AccuracyGrid, accuracy_grid
from fer.report.options import RobustnessOptions
from fer.report.subject import Subject

# Faces spoilt at a time: 38 MB of grey faces of 48 px, and as much again while they are being spoilt.
_BLOCK: Final = 16_384


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What was measured.

    Attributes:
        rows: int64 array (N,), the faces, as rows of the samples.
        of: faces of the set that they were drawn from.
        grids: run name -> accuracies, the run in detail first.
        left_out: names of runs that were scored on other faces.
    """

    rows: npt.NDArray[np.int64]
    of: int
    grids: Mapping[str, AccuracyGrid]
    left_out: tuple[str, ...]


def corruption_names(options: RobustnessOptions) -> tuple[str, ...]:
    """The corruptions asked for, in the order of the registry."""
    return tuple(CORRUPTIONS) if options.corruptions == "all" else of_kind("lighting")


def measure(subject: Subject, options: RobustnessOptions) -> Measurement:
    """Accuracies of every run on the headline faces of the run in detail."""
    detail = subject.run
    rows = detail.headline.evaluation_set.rows
    chosen = choose_faces(len(rows), most=options.max_faces, seed=subject.options.seed)
    same = [run for run in subject.runs if run.shares_rows(detail, detail.headline_key)]
    runs = sorted(same, key=lambda run: run is not detail)
    images, names = subject.samples.images, corruption_names(options)
    models = {run.record.name: subject.models.of(run.record) for run in runs}
    shape = (len(options.severities), len(chosen))
    answers = {name: {of: np.empty(shape, np.int64) for of in names} for name in models}
    for of in names:
        for place, severity in enumerate(options.severities):
            for start in range(0, len(chosen), _BLOCK):
                part = slice(start, start + _BLOCK)
                faces = np.asarray(images[rows[chosen[part]]])
                spoilt = corrupt(faces, name=of, severity=severity, seed=subject.options.seed)
                for name, model in models.items():
                    p_NC = model.probabilities(spoilt, batch_size=subject.options.batch_size, fast=True)
                    answers[name][of][place, part] = p_NC.argmax(axis=1)
    grids = {}
    for run in runs:
        clean = run.sets[detail.headline_key].plain.predictions.take(chosen)
        grids[run.record.name] = accuracy_grid(
            clean.labels,
            clean_N=clean.predicted,
            spoilt_SN=answers[run.record.name],
            severities=options.severities,
            resamples=subject.options.bootstrap,
            seed=subject.options.seed,
        )
    return Measurement(
        rows=rows[chosen],
        of=len(rows),
        grids=grids,
        left_out=tuple(run.record.name for run in subject.runs if run.record.name not in grids),
    )


def choose_faces(count: int, *, most: int | None, seed: int) -> npt.NDArray[np.int64]:
    """int64 array: places of at most `most` of `count` faces, drawn at random, in order."""
    if most is None or most >= count:
        return np.arange(count)
    return np.sort(np.random.default_rng([seed, 3]).permutation(count)[:most])
