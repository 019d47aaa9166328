"""The runs of a study: the baseline, and one for each half of the face, as ordinary configurations of fer-train."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fer.common.errors import ConfigError
from fer.common.files import free_folder
from fer.common.processes import started_by_another
from fer.config.plain_tree import default_run_dir
from fer.config.run_paths import in_run_dir
from fer.config.schema import TrainConfig, validate
from fer.data.regions import HALVES, Region
from fer.folders.run import RunFolder
from fer.folders.study import StudyFolder
from fer.studies.occlusion.settings import StudySettings

FINETUNE_RATE: Final = 0.1
"""Learning rate of the fine-tuning as a share of the baseline's, where none is given."""

_UNFREEZING: Final = "fer.callbacks.unfreeze.GradualUnfreezing"


@dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """One training of the study.

    Attributes:
        visible: what it sees of each face.
        folder: its run folder.
        tree: its plain configuration.
        config: the same, validated.
    """

    visible: Region
    folder: RunFolder
    tree: Mapping[str, Any]
    config: TrainConfig


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A study.

    Attributes:
        study: its folder.
        baseline: the run on whole faces; `given` says that it was trained before.
        given: the baseline is a finished run from elsewhere.
        halves: the runs on half faces, in the order of `HALVES`.
    """

    study: StudyFolder
    baseline: PlannedRun
    given: bool
    halves: tuple[PlannedRun, ...]

    @property
    def runs(self) -> tuple[PlannedRun, ...]:
        """All runs, in the order in which they are trained."""
        return (self.baseline, *self.halves)

    @property
    def places(self) -> dict[str, str]:
        """Name of each run -> its folder, relative to the study's."""
        here = self.study.path.resolve()
        return {run.visible: os.path.relpath(run.folder.path.resolve(), here) for run in self.runs}


def make_plan(settings: StudySettings, tree: Mapping[str, Any]) -> Plan:
    """The study that `settings` describe, over the baseline's plain configuration; nothing is trained, and nothing
    written but a folder where none is named.

    Raises:
        ConfigError: a configuration that cannot work, or a net that has nothing to learn.
    """
    if settings.study_dir is not None:
        return _plan(settings, tree, settings.study_dir)
    path = default_run_dir(f"occlusion_{tree['model']['name']}")
    plan = _plan(settings, tree, path)
    # Only now: a mistake leaves no folder behind.
    return plan if started_by_another() else _plan(settings, tree, free_folder(path))


def _plan(settings: StudySettings, tree: Mapping[str, Any], path: Path) -> Plan:
    if path.exists() and not path.is_dir():
        raise ConfigError(f"study_dir={path} is a file: name a folder for the study")
    given = settings.baseline is not None
    folder = path / "full" if settings.baseline is None else settings.baseline
    baseline = _planned("full", in_run_dir(tree, str(folder)))
    _refuse_nothing_to_learn(baseline.config)
    lr = settings.finetune.lr
    halves = [
        _planned(
            half,
            finetuning(
                baseline.tree,
                visible=half,
                run_dir=path / half,
                weights=baseline.folder.best,
                epochs=settings.finetune.epochs,
                # Written as 0.01, not as 0.010000000000000002.
                lr=float(f"{FINETUNE_RATE * baseline.config.optimizer.lr:.6g}") if lr is None else lr,
            ),
        )
        for half in HALVES
    ]
    return Plan(study=StudyFolder(path), baseline=baseline, given=given, halves=tuple(halves))


def finetuning(
    tree: Mapping[str, Any], *, visible: Region, run_dir: Path, weights: Path, epochs: int, lr: float
) -> dict[str, Any]:
    """The configuration that trains on from `weights` with one part of every face visible.

    All else stays the baseline's, but for two things that belong to training from nothing: the net sees its own
    resolution throughout, and no part of it is frozen.
    """
    tuned = in_run_dir(tree, str(run_dir))
    return {
        **tuned,
        "visible": visible,
        # Resolved, so that another spelling of the study's folder is no other configuration.
        "model": {**tuned["model"], "pretrained": str(weights.resolve()), "train_sizes": None},
        "trainer": {**tuned["trainer"], "max_epochs": epochs},
        "optimizer": {**tuned["optimizer"], "lr": lr},
        "callbacks": {
            name: node
            for name, node in (tuned.get("callbacks") or {}).items()
            if node is not None and node.get("_target_") != _UNFREEZING
        },
    }


def _planned(visible: Region, tree: Mapping[str, Any]) -> PlannedRun:
    config = validate(tree)
    assert config.run_dir is not None
    return PlannedRun(visible=visible, folder=RunFolder(config.run_dir), tree=tree, config=config)


def _refuse_nothing_to_learn(config: TrainConfig) -> None:
    from fer.models.checkpoint import NetSpec

    net = NetSpec.of(config.model).build()
    if not any(parameter.requires_grad for parameter in net.parameters()):
        raise ConfigError(
            f"model={config.model.name} has nothing to learn, so there is nothing to fine-tune: choose a net"
        )
