"""Which runs are the same recipe under another seed, and the mean and spread of their scores."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from fer.config.run_paths import moved
from fer.config.saved import completed
from fer.metrics import METRICS
from fer.report.evaluation.evaluate import EvaluatedRun
from fer.report.scores.tables import tables

BOOKKEEPING: Final = ("seed", "run_dir", "resume", "report", "logger", "threads")
"""Keys of a run's configuration that say where and with which seed it ran, not what was trained."""

PLACES: Final = ("root", "ferplus")
"""Keys of its data section that say where the data lie; what they are is told by their fingerprint."""


@dataclass(frozen=True, kw_only=True)
class SeedGroup:
    """Runs of one recipe.

    Attributes:
        name: a number as text, in the order in which the runs were named.
        runs: at least two, each with a seed of its own.
        repeated: runs left out because an earlier one has the same seed.
        revisions: code revisions the runs were made with, as far as recorded.
    """

    name: str
    runs: tuple[EvaluatedRun, ...]
    repeated: tuple[EvaluatedRun, ...]
    revisions: tuple[str, ...]


def seed_groups(runs: Sequence[EvaluatedRun]) -> tuple[SeedGroup, ...]:
    """The finished runs that share a recipe with another seed; see `recipe`.

    A run that repeats an earlier one's seed is left out of its group: it would be counted as news and is none.
    """
    members: dict[str, list[EvaluatedRun]] = {}
    for run in runs:
        # An unfinished run is another recipe: fewer epochs.
        if len(run.record.final) > 0:
            members.setdefault(recipe(run), []).append(run)
    groups: list[SeedGroup] = []
    for same in members.values():
        first_of = {run.record.seed: run for run in reversed(same)}
        distinct = tuple(run for run in same if first_of[run.record.seed] is run)
        if len(distinct) < 2:
            continue
        revisions = [run.record.manifest.get("git_revision") for run in distinct]
        groups.append(
            SeedGroup(
                name=str(len(groups) + 1),
                runs=distinct,
                repeated=tuple(run for run in same if first_of[run.record.seed] is not run),
                revisions=tuple(sorted({str(revision) for revision in revisions if revision is not None})),
            )
        )
    return tuple(groups)


def recipe(run: EvaluatedRun) -> str:
    """What was trained, as one text: equal for two runs that differ by seed and bookkeeping alone.

    The resolved configuration, completed where an earlier version wrote it, without `BOOKKEEPING`, with paths inside
    the run folder and the place of the data taken out, and the fingerprint of the data in.
    """
    config = completed(run.record.config)
    kept = {key: value for key, value in config.items() if key not in BOOKKEEPING}
    kept["data"] = {key: value for key, value in config["data"].items() if key not in PLACES}
    kept["data"]["fingerprint"] = run.data.fingerprint
    return json.dumps(moved(kept, before=str(config.get("run_dir")), now="RUN_DIR"), sort_keys=True, default=str)


@dataclass(frozen=True, kw_only=True)
class Spread:
    """A score of several seeds.

    Attributes:
        mean: over seeds.
        std: sample standard deviation (divisor seeds - 1).
        low: the lowest seed's score.
        high: the highest seed's score.
        seeds: how many.
        n: faces of the set.
    """

    mean: float
    std: float
    low: float
    high: float
    seeds: int
    n: int


def spread(scores: Sequence[float], *, n: int) -> Spread:
    """The spread of at least two seeds' scores on `n` faces."""
    values = np.asarray(scores, dtype=np.float64)
    return Spread(
        mean=float(values.mean()),
        std=float(values.std(ddof=1)),
        low=float(values.min()),
        high=float(values.max()),
        seeds=len(values),
        n=n,
    )


def spreads(runs: Sequence[EvaluatedRun]) -> dict[str, dict[str, Spread]]:
    """Set (`<set>_tta` with test-time augmentation) -> metric -> spread, for the sets that every run was scored on.

    A held-out part of Training is left out: each seed holds out other faces.
    """
    scored = [tables(run) for run in runs]
    common = [key for key in scored[0] if key != "heldout" and all(key in sets for sets in scored)]
    return {
        key: {
            metric: spread(
                [sets[key].metrics[metric].value for sets in scored],
                n=len(scored[0][key].predictions),
            )
            for metric in METRICS
        }
        for key in common
    }
