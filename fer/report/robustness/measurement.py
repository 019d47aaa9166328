"""Every model on the same corrupted faces, and each run's grid of accuracies in the numbers that a report states."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fer.data.corruption.registry import CORRUPTIONS, SEVERITIES, corrupt, of_kind
from fer.metrics import Estimate
from fer.metrics.robustness import AccuracyGrid, accuracy_grid
from fer.report.context import ReportContext
from fer.report.faces import choose_faces
from fer.report.options import RobustnessOptions

# Faces corrupted at a time: 38 MB of grey faces of 48 px, and as much again while they are being corrupted.
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


def measure(context: ReportContext, options: RobustnessOptions) -> Measurement:
    """Accuracies of every run on the headline faces of the run in detail."""
    detail = context.run
    rows = detail.headline.evaluation_set.rows
    chosen = choose_faces(len(rows), most=options.max_faces, seed=context.options.seed)
    same = [run for run in context.runs if run.shares_rows(detail, detail.headline_key)]
    runs = sorted(same, key=lambda run: run is not detail)
    images, names = context.samples.images, corruption_names(options)
    models = {run.record.name: context.models.of(run.record) for run in runs}
    shape = (len(options.severities), len(chosen))
    predicted = {name: {of: np.empty(shape, np.int64) for of in names} for name in models}
    for of in names:
        for place, severity in enumerate(options.severities):
            for start in range(0, len(chosen), _BLOCK):
                part = slice(start, start + _BLOCK)
                faces = np.asarray(images[rows[chosen[part]]])
                corrupted = corrupt(faces, name=of, severity=severity, seed=context.options.seed)
                for name, model in models.items():
                    p_NC = model.probabilities(corrupted, batch_size=context.options.batch_size, fast=True)
                    predicted[name][of][place, part] = p_NC.argmax(axis=1)
    grids = {}
    for run in runs:
        clean = run.sets[detail.headline_key].plain.predictions.take(chosen)
        grids[run.record.name] = accuracy_grid(
            clean.labels,
            clean_N=clean.predicted,
            corrupted_SN=predicted[run.record.name],
            severities=options.severities,
            resamples=context.options.bootstrap,
            seed=context.options.seed,
        )
    return Measurement(
        rows=rows[chosen],
        of=len(rows),
        grids=grids,
        left_out=tuple(run.record.name for run in context.runs if run.record.name not in grids),
    )


LIGHTING_GOAL: Final = 0.8
"""Share of the clean accuracy that a model should keep under changes of light."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Numbers of one run; None where the grid does not hold what they need.

    Attributes:
        clean: accuracy on the same faces untouched.
        lighting: retention under the changes of light, mean over them and their severities.
        lighting_corrected: the same beyond chance.
        corruption_accuracy: mean accuracy under the fifteen corruptions.
        corruption: retention under them.
        corruption_corrected: the same beyond chance.
        mce: mean corruption error relative to the baseline; 1 is the baseline's.
        relative_mce: relative mean corruption error.
        worst: corruption, severity and accuracy of the worst case.
    """

    clean: Estimate
    lighting: Estimate
    lighting_corrected: Estimate
    corruption_accuracy: Estimate | None
    corruption: Estimate | None
    corruption_corrected: Estimate | None
    mce: Estimate | None
    relative_mce: Estimate | None
    worst: tuple[str, int, Estimate]

    def as_dict(self) -> dict[str, Any]:
        """For `metrics.json`; what is None is left out."""
        name, severity, accuracy = self.worst
        named = {
            "clean_accuracy": self.clean,
            "lighting_retention": self.lighting,
            "lighting_retention_beyond_chance": self.lighting_corrected,
            "corruption_accuracy": self.corruption_accuracy,
            "corruption_retention": self.corruption,
            "corruption_retention_beyond_chance": self.corruption_corrected,
            "mce": self.mce,
            "relative_mce": self.relative_mce,
        }
        return {
            **{key: estimate.as_dict() for key, estimate in named.items() if estimate is not None},
            "worst": {"corruption": name, "severity": severity, **accuracy.as_dict()},
        }

    def columns(self) -> dict[str, Any]:
        """For the run's row of `model_eval.csv`."""
        named = {
            "lighting_retention": self.lighting,
            "corruption_accuracy": self.corruption_accuracy,
            "corruption_retention": self.corruption,
            "mce": self.mce,
            "relative_mce": self.relative_mce,
        }
        row: dict[str, Any] = {"robustness_n": self.clean.n}
        for key, estimate in named.items():
            if estimate is not None:
                row |= estimate.as_columns(key)
        return row


def summarise(grid: AccuracyGrid, *, baseline: AccuracyGrid | None) -> Summary:
    """The summary of one run.

    Args:
        grid: its accuracies; the changes of light are always among them.
        baseline: those of the run that mCE is relative to, on the same faces.
    """
    lighting, corruptions = members(grid, "lighting"), members(grid, "corruption")
    whole = has_mce(grid)
    worst = grid.worst()
    return Summary(
        clean=grid.clean_accuracy,
        lighting=grid.retention(lighting),
        lighting_corrected=grid.corrected_retention(lighting),
        corruption_accuracy=grid.mean_accuracy(corruptions) if corruptions else None,
        corruption=grid.retention(corruptions) if corruptions else None,
        corruption_corrected=grid.corrected_retention(corruptions) if corruptions else None,
        mce=grid.corruption_error(baseline, corruptions) if whole and baseline is not None else None,
        relative_mce=grid.relative_corruption_error(baseline, corruptions) if whole and baseline is not None else None,
        worst=(*worst, grid.accuracy(*worst)),
    )


def members(grid: AccuracyGrid, kind: str) -> tuple[str, ...]:
    """The grid's corruptions of one kind."""
    return tuple(name for name in grid.names if CORRUPTIONS[name].kind == kind)


def has_mce(grid: AccuracyGrid) -> bool:
    """Whether the grid holds what mCE is defined on: the fifteen corruptions at all five severities."""
    return len(members(grid, "corruption")) > 0 and grid.severities == SEVERITIES


def csv_rows(run: str, key: str, grid: AccuracyGrid) -> list[Mapping[str, Any]]:
    """`robustness.csv`: a row for the clean faces, then one for each corruption and severity of a run."""
    rows: list[Mapping[str, Any]] = [
        {
            "run": run,
            "set": key,
            "corruption": "clean",
            "kind": "",
            "group": "",
            "severity": 0,
            "n": grid.n,
            **grid.clean_accuracy.as_columns("accuracy"),
        }
    ]
    for name in grid.names:
        for severity in grid.severities:
            rows.append(
                {
                    "run": run,
                    "set": key,
                    "corruption": name,
                    "kind": CORRUPTIONS[name].kind,
                    "group": CORRUPTIONS[name].group,
                    "severity": severity,
                    "n": grid.n,
                    **grid.accuracy(name, severity).as_columns("accuracy"),
                    **grid.retention((name,), severity).as_columns("retention"),
                    **grid.corrected_retention((name,), severity).as_columns("retention_beyond_chance"),
                }
            )
    return rows
