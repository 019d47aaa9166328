"""What a sweep and its worker processes say to each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from fer.common.errors import StorageError
from fer.metrics.objectives import Objective


@dataclass(frozen=True, kw_only=True)
class TrialJob:
    """A trial to run.

    Attributes:
        runs: run folder -> overrides of fer-train; one, or one a fold.
        objective: what it is judged by.
    """

    runs: Mapping[str, Sequence[str]]
    objective: Objective


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a worker process is to do: a trial, or the check before the first.

    Attributes:
        trial: the trial; None for the check.
        checked: the overrides to check.
        folder: where its output goes; None leaves it on the terminal.
    """

    trial: TrialJob | None = None
    checked: Sequence[Sequence[str]] = ()
    folder: str | None = None


@dataclass(frozen=True)
class Started:
    """The first batch of a trial is about to be trained on."""


@dataclass(frozen=True)
class Step:
    """An epoch ended; the worker waits for the answer whether to give up.

    Attributes:
        share: share of the trial done, in (0, 1].
        score: mean over the folds so far, higher is better.
    """

    share: float
    score: float


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A worker is done.

    Attributes:
        status: ok, pruned (the sweep gave it up) or failed.
        score: of the objective, higher is better; None unless ok.
        metrics: `metrics.json` of each fold.
        error: what went wrong, in a line.
        by_disk: the disk refused (full, read-only): no fault of the trial's, which can be repeated.
    """

    status: Literal["ok", "pruned", "failed"]
    score: float | None = None
    metrics: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    error: str | None = None
    by_disk: bool = False


def too_long(minutes: float) -> str:
    """Why a trial failed that took more than `trial_minutes`."""
    return f"took longer than {minutes:g} minutes"


def refuse_by_disk(number: int, ended: Ended) -> None:
    """Keeps a trial that the disk refused from being written down: it was interrupted, and goes on with the sweep.

    Raises:
        StorageError: the disk refused it.
    """
    if ended.by_disk:
        raise StorageError(f"trial {number}: {ended.error}")


Message = Started | Step | Ended
