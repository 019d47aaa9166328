"""The runs of a study: each recipe with each seed, as ordinary configurations of fer-train."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fer.common.errors import ConfigError
from fer.common.files import write_atomic
from fer.common.paths import expanded
from fer.config.compose import compose_train
from fer.config.plain_tree import default_run_dir
from fer.config.schema import TrainConfig, validate
from fer.data.samples import FaceSamples
from fer.folders.run import RunFolder
from fer.folders.study import StudyFolder
from fer.studies.recipes.settings import RecipeStudy

_LEAST_BATCH: Final = 32
_LEAST_STEPS: Final = 16
"""Batches an epoch for which the batch is made smaller, down to `_LEAST_BATCH`, where a share is small."""


Rows = tuple[FaceSamples, npt.NDArray[np.int64]]
"""Samples, and which of them train."""


@dataclass(frozen=True, kw_only=True)
class RecipeRun:
    """One training.

    Attributes:
        name: of its folder below the study's.
        recipe: the augmentation, or the net.
        share: of the training faces.
        seed: of the training, and of the draw of the faces.
        folder: its run folder.
        tree: its plain configuration.
        config: the same, validated.
    """

    name: str
    recipe: str
    share: float
    seed: int
    folder: RunFolder
    tree: Mapping[str, Any]
    config: TrainConfig


@dataclass(frozen=True, kw_only=True)
class RecipePlan:
    """A study.

    Attributes:
        folder: where it lies.
        study: what was asked for.
        runs: in the order in which they are trained: all recipes of a seed before the next seed.
    """

    folder: StudyFolder
    study: RecipeStudy
    runs: tuple[RecipeRun, ...]


def make_plan(study: RecipeStudy) -> RecipePlan:
    """The runs of a study; writes the lists of faces that small shares leave out, and trains nothing.

    Raises:
        ConfigError: a recipe that cannot be composed, or a study_dir that is a file.
        DataError: the data cannot be opened.
    """
    settings = study.settings
    path = default_run_dir(f"study_{settings.what}") if study.study_dir is None else expanded(study.study_dir)
    if path.exists() and not path.is_dir():
        raise ConfigError(f"study_dir={path} is a file: name a folder for the study")
    runs = []
    if settings.what == "augmentation":
        recipes: dict[str, tuple[str, ...]] = dict.fromkeys(settings.augments, ())
        shares: tuple[float, ...] = (1.0,)
    else:
        recipes, shares = settings.nets, tuple(sorted(settings.shares))
    shared = compose_train([*study.overrides, "run_dir=unused"])["data"]
    rows: dict[str, Rows] = {}
    for seed in settings.seeds:
        for share in shares:
            for recipe, overrides in recipes.items():
                name = f"{recipe}_seed{seed}" if shares == (1.0,) else f"{recipe}_{100 * share:g}percent_seed{seed}"
                fixed = ["report=false", "resume=auto", f"seed={seed}", f"run_dir={path / 'runs' / name}"]
                tree = compose_train([*study.overrides, *overrides, *fixed])
                if settings.what == "augmentation":
                    # Alone, so that what an experiment changes of its own augmentation changes none of these.
                    tree["augment"] = compose_train([f"augment={recipe}", "run_dir=unused"])["augment"]
                if share < 1:
                    # A net with data of its own has a list of its own.
                    whose = "" if _choosing(tree["data"]) == _choosing(shared) else f"{recipe}_"
                    listed = path / "faces" / f"without_{whose}{100 * share:g}percent_seed{seed}.csv"
                    key = json.dumps([_choosing(tree["data"]), seed], default=str)
                    if key not in rows:
                        rows[key] = _training_rows(tree)
                    tree = _of_share(tree, share, seed, rows=rows[key], path=listed, stretch=settings.stretch)
                config = validate(tree)
                assert config.run_dir is not None
                runs.append(
                    RecipeRun(
                        name=name,
                        recipe=recipe,
                        share=share,
                        seed=seed,
                        folder=RunFolder(config.run_dir),
                        tree=tree,
                        config=config,
                    )
                )
    return RecipePlan(folder=StudyFolder(path), study=study, runs=tuple(runs))


def _choosing(data: Mapping[str, Any]) -> dict[str, Any]:
    """Of a data section what says which faces train; the rest says how they are shown."""
    return {key: value for key, value in data.items() if key not in ("batch_size", "sampling")}


def _training_rows(tree: Mapping[str, Any]) -> Rows:
    """The samples, and the rows that a run trains on: a part of Training that is held out depends on its seed."""
    from fer.data.datamodule import FERDataModule

    config = validate(tree)
    data = FERDataModule(config.data, augment=None, seed=config.seed)
    data.setup()
    return data.samples, data.split.train


def _of_share(
    tree: Mapping[str, Any], share: float, seed: int, *, rows: Rows, path: Path, stretch: float
) -> dict[str, Any]:
    """The configuration that trains on a share: fewer faces, smaller batches, more epochs."""
    samples, train = rows
    kept = drawn(samples.labels[train], share, seed=seed)
    ids = samples.ids[train[~kept]]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, "id\n" + "".join(f'"{name.replace(chr(34), 2 * chr(34))}"\n' for name in ids.tolist()))
    batch = min(tree["data"]["batch_size"], max(_LEAST_BATCH, int(kept.sum()) // _LEAST_STEPS))
    batch = min(batch, int(kept.sum()))
    epochs = math.ceil(tree["trainer"]["max_epochs"] * min(stretch, 1 / share))
    return {
        **tree,
        "data": {**tree["data"], "leave_out": str(path.resolve()), "batch_size": batch},
        "trainer": {**tree["trainer"], "max_epochs": epochs},
    }


def drawn(labels_N: npt.NDArray[np.int64], share: float, *, seed: int) -> npt.NDArray[np.bool_]:
    """Bool (N,): a share of each emotion's faces, at least one; a smaller share of the same seed lies within."""
    rng = np.random.default_rng([seed, 11])
    kept = np.zeros(len(labels_N), dtype=bool)
    for emotion in np.unique(labels_N):
        members = rng.permutation(np.flatnonzero(labels_N == emotion))
        kept[members[: max(1, round(share * len(members)))]] = True
    return kept
