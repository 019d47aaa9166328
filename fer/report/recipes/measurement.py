"""What the runs of fer-study scored, and how much of their spread is the recipe's doing."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fer.common.errors import DataError
from fer.common.files import read_json
from fer.folders.run import RunFolder
from fer.folders.study import RECIPE_SCORES, StudyFolder

Floats = npt.NDArray[np.float64]

SELECTIONS: Final = {"public": "PublicTest", "heldout": "the held-out part of Training"}


@dataclass(frozen=True, kw_only=True)
class RecipeScores:
    """The runs of one recipe on one share of the training faces.

    Attributes:
        recipe: its name.
        share: of the training faces.
        faces: that are.
        most_epochs: that each run was allowed.
        batch_size: of each run.
        seeds: one a run.
        epochs: that each trained: fewer than it was allowed where it stopped early.
        train: float64 array (S,), accuracy of each on training faces that are not augmented.
        selection: float64 array (S,), accuracy of each on the selection faces.
        train_loss: float64 array (S,), log loss on the same training faces, in nats.
        selection_loss: float64 array (S,), on the same selection faces.
    """

    recipe: str
    share: float
    faces: int
    most_epochs: int
    batch_size: int
    seeds: tuple[int, ...]
    epochs: tuple[int, ...]
    train: Floats
    selection: Floats
    train_loss: Floats
    selection_loss: Floats

    @property
    def gap(self) -> Floats:
        """Training accuracy less selection accuracy, of each seed."""
        return self.train - self.selection

    @property
    def mean(self) -> float:
        """Of the selection accuracy over seeds."""
        return float(self.selection.mean())

    @property
    def spread(self) -> float:
        """Standard deviation of the selection accuracy over seeds (n - 1); NaN for one."""
        return float(self.selection.std(ddof=1)) if len(self.seeds) > 1 else float("nan")


@dataclass(frozen=True, kw_only=True)
class StudyScores:
    """A study, read.

    Attributes:
        kind: augmentation or datasize.
        selection: the faces that chose the epochs, in words.
        n: how many they are.
        train_n: training faces that the gap is measured on, at most.
        recipes: in the study's order, small shares first.
        missing: recipe -> why it could not be trained.
        planned: runs the study has in all.
        command: that made it.
    """

    kind: str
    selection: str
    n: int
    train_n: int
    recipes: tuple[RecipeScores, ...]
    missing: dict[str, str]
    planned: int
    command: str

    @property
    def runs(self) -> int:
        """Runs that are done."""
        return sum(len(recipe.seeds) for recipe in self.recipes)

    def named(self, recipe: str) -> tuple[RecipeScores, ...]:
        """Those of one recipe, small shares first."""
        return tuple(sorted((one for one in self.recipes if one.recipe == recipe), key=lambda one: one.share))

    @property
    def names(self) -> tuple[str, ...]:
        """The recipes, each once."""
        return tuple(dict.fromkeys(one.recipe for one in self.recipes))


def read_study(path: Path) -> StudyScores:
    """The scores that fer-study left in its runs.

    Raises:
        DataError: no study of fer-study, one without a finished run, or a run whose numbers cannot be read.
    """
    folder = StudyFolder(path)
    facts = folder.read() if folder.exists else {}
    if facts.get("study") not in ("augmentation", "datasize"):
        raise DataError(f"study={path} is no folder of fer-study: give its study_dir")
    rows = [_read(run) for run in folder.runs.values() if (run / RECIPE_SCORES).is_file()]
    if not rows:
        raise DataError(f"study={path} has no finished run yet: go on with its command: {facts.get('command')}")
    return StudyScores(
        kind=str(facts["study"]),
        selection=SELECTIONS.get(rows[0]["selection"], str(rows[0]["selection"])),
        n=int(rows[0]["selection_n"]),
        train_n=max(int(row["train_n"]) for row in rows),
        recipes=_grouped(rows),
        missing=dict(facts.get("missing", {})),
        planned=int(facts.get("planned", len(rows))),
        command=str(facts.get("command", "")),
    )


def _read(run: Path) -> dict[str, Any]:
    """What the study measured of a run, and the epochs that its training had."""
    return {**read_json(run / RECIPE_SCORES), "trained_epochs": read_json(RunFolder(run).metrics)["epochs"]}


def _grouped(rows: Sequence[dict[str, Any]]) -> tuple[RecipeScores, ...]:
    groups: dict[tuple[str, float], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["recipe"], row["share"]), []).append(row)

    def column(same: Sequence[dict[str, Any]], name: str) -> Floats:
        return np.array([row[name] for row in same], dtype=np.float64)

    return tuple(
        RecipeScores(
            recipe=recipe,
            share=share,
            faces=int(same[0]["train_faces"]),
            most_epochs=int(same[0]["epochs"]),
            batch_size=int(same[0]["batch_size"]),
            seeds=tuple(int(row["seed"]) for row in same),
            epochs=tuple(int(row["trained_epochs"]) for row in same),
            train=column(same, "train_accuracy"),
            selection=column(same, "selection_accuracy"),
            train_loss=column(same, "train_log_loss"),
            selection_loss=column(same, "selection_log_loss"),
        )
        for (recipe, share), same in groups.items()
    )


@dataclass(frozen=True, kw_only=True)
class VarianceParts:
    """One-way analysis of variance of the runs' selection accuracy by recipe.

    Attributes:
        share: omega squared, the recipe's part of the variance (Hays 1963), never below 0.
        within: standard deviation over seeds of one recipe, pooled.
        p_value: of the F test that all recipes have one mean.
    """

    share: float
    within: float
    p_value: float


def variance_parts(groups: Sequence[Floats]) -> VarianceParts | None:
    """The parts; None for fewer than two recipes, or no recipe with two seeds."""
    count, total = len(groups), sum(map(len, groups))
    if count < 2 or total <= count:
        return None
    from scipy.special import fdtrc

    everything = np.concatenate(groups)
    within = sum(float(((group - group.mean()) ** 2).sum()) for group in groups)
    # Not as the whole less the part within: of equal means that leaves a little below 0, of which F has no chance.
    between = sum(len(group) * float((group.mean() - everything.mean()) ** 2) for group in groups)
    mean_square = within / (total - count)
    if mean_square == 0:
        return VarianceParts(share=1.0 if between > 0 else 0.0, within=0.0, p_value=0.0 if between > 0 else 1.0)
    share = (between - (count - 1) * mean_square) / (between + within + mean_square)
    f_value = between / (count - 1) / mean_square
    return VarianceParts(
        share=max(0.0, share),
        within=float(np.sqrt(mean_square)),
        p_value=float(fdtrc(count - 1, total - count, f_value)),
    )


def faces_to_reach(curve: Sequence[RecipeScores], accuracy: float) -> float | None:
    """Training faces at which a net's mean accuracy first reaches `accuracy`, between sizes on a logarithmic scale.

    None where it never does; the smallest size where it is above at once.
    """
    if curve[0].mean >= accuracy:
        return float(curve[0].faces)
    for left, right in pairwise(curve):
        if right.mean >= accuracy:
            part = (accuracy - left.mean) / (right.mean - left.mean)
            return float(np.exp(np.log(left.faces) + part * (np.log(right.faces) - np.log(left.faces))))
    return None
