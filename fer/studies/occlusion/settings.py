"""What `fer-occlusion` is asked to do: the study's own keys, and the configuration of its baseline."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import Field

from fer.common.errors import ConfigError
from fer.common.section import Section
from fer.config.overrides import key_of

_NAMED_BY_STUDY: Final = ("run_dir", "resume", "visible")
"""Keys of fer-train that the study sets for each of its runs."""


class FinetuneSettings(Section):
    """How the baseline learns to do with half a face.

    Attributes:
        epochs: passes over the training faces for each half.
        lr: peak learning rate; None takes a tenth of the baseline's.
    """

    epochs: int = Field(default=4, ge=1)
    lr: float | None = Field(default=None, gt=0)


class StudySettings(Section):
    """The study's own keys.

    Attributes:
        study_dir: the study's folder; None names it `outputs/<date>_<time>_occlusion_<model>`.
        baseline: a finished run to take as the baseline; None trains one.
        finetune: how each half is learned.
        models: folder for the models of the study as .onnx files; None writes none.
        report: write the report at the end.
    """

    study_dir: Path | None = None
    baseline: Path | None = None
    finetune: FinetuneSettings = FinetuneSettings()
    models: Path | None = None
    report: bool = True


def compose_study(overrides: Sequence[str]) -> tuple[StudySettings, dict[str, Any]]:
    """The study's settings and the plain configuration of its baseline.

    Args:
        overrides: keys of `fer-train` and of the study, as on the command line.

    Raises:
        ConfigError: an unknown key, a value of the wrong type, a key that the study sets itself, or, beside
            `baseline=RUN`, a key that would change what that run was trained with.
    """
    from fer.config.compose import compose_train
    from fer.config.schema import typed

    tree = compose_train(overrides, config_name="occlusion")
    settings = StudySettings.taken_from(tree)
    for override in overrides:
        key = key_of(override)
        if key in _NAMED_BY_STUDY:
            raise ConfigError(
                f"{override}: the study sets {key} for each of its runs: leave it out (study_dir=PATH names the "
                "study's folder, and the same command with it goes on where it stopped)"
            )
    typed(tree)
    tree |= {"report": False, "resume": "auto"}
    if settings.baseline is not None:
        tree = _trained_with(settings.baseline, overrides)
    return settings, tree


def _trained_with(run: Path, overrides: Sequence[str]) -> dict[str, Any]:
    """The configuration of a finished run, with what `overrides` may change of it."""
    from fer.config.saved import FREE, completed, compose_on, read_tree
    from fer.folders.run import RunFolder

    folder = RunFolder(run)
    if not folder.config.is_file():
        raise ConfigError(f"baseline={run} is not a run folder (no config.yaml): give the run_dir of a fer-train")
    if not (folder.metrics.is_file() and folder.best.is_file()):
        raise ConfigError(f"baseline={run} is not a finished run: finish it with {folder.again}")
    tree = completed(read_tree(run))
    if tree["visible"] != "full":
        raise ConfigError(
            f"baseline={run} was trained with the {tree['visible']} part of the face alone: give one trained on whole "
            "faces"
        )
    ours = [override for override in overrides if key_of(override).partition(".")[0] not in StudySettings.model_fields]
    for override in ours:
        if not key_of(override).startswith(FREE):
            raise ConfigError(
                f"{override}: baseline={run} was trained with settings of its own, and the halves learn with them "
                f"too: leave {key_of(override)} out, or leave baseline= out to train a baseline with it"
            )
    return compose_on(tree | {"report": False, "resume": "auto"}, ours)
