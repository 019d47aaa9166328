"""What a trial is, before it runs: its overrides, its folders, its command."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fer.config import overrides as text
from fer.tuning.job import TrialJob
from fer.tuning.settings import Sweep
from fer.tuning.space import Params


def trial_overrides(sweep: Sweep, params: Mapping[str, Any], *, threads: int) -> tuple[str, ...]:
    """The overrides of fer-train that make up a trial, without those of a fold.

    The thread count is one of them: sums in another order end in other digits.
    """
    drawn = [text.override(key, value) for key, value in params.items()]
    given = [] if sweep.config.threads is not None else [f"threads={threads}"]
    return (*sweep.overrides, *drawn, *given)


def trial_runs(sweep: Sweep, overrides: Sequence[str], folder: Path) -> dict[Path, tuple[str, ...]]:
    """Run folder -> overrides: one training, or one a fold."""
    folds = sweep.settings.folds
    if folds is None:
        return {folder: tuple(overrides)}
    return {
        folder / f"fold{fold}": (*overrides, "data.protocol=kfold", f"data.folds={folds}", f"data.fold={fold}")
        for fold in range(folds)
    }


def trial_job(sweep: Sweep, overrides: Sequence[str], folder: Path) -> TrialJob:
    """The trial as a worker process takes it."""
    runs = {str(path): each for path, each in trial_runs(sweep, overrides, folder).items()}
    return TrialJob(runs=runs, objective=sweep.settings.objective)


def trial_command(sweep: Sweep, overrides: Sequence[str]) -> str:
    """The command that reproduces the trial, for a shell; with folds, one command a fold."""
    runs = trial_runs(sweep, overrides, Path())
    return " && ".join(text.command(each) for each in runs.values())


def corner_overrides(sweep: Sweep, *, threads: int) -> list[tuple[str, ...]]:
    """Overrides that together name every setting and every option of the space."""
    points: list[Params] = list(sweep.space.corners())
    return [trial_overrides(sweep, params, threads=threads) for params in points]
