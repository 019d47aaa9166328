"""What `fer-occlusion` is asked to do: the study's own keys, and the configuration of its baseline."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import Field, ValidationError

from fer.errors import ConfigError
from fer.section import Section

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
        report: write the report at the end.
    """

    study_dir: Path | None = None
    baseline: Path | None = None
    finetune: FinetuneSettings = FinetuneSettings()
    report: bool = True


def compose_study(overrides: Sequence[str]) -> tuple[StudySettings, dict[str, Any]]:
    """The study's settings and the plain configuration of its baseline.

    Args:
        overrides: keys of `fer-train` and of the study, as on the command line.

    Raises:
        ConfigError: an unknown key, a value of the wrong type, a key that the study sets itself, or, beside
            `baseline=RUN`, a key that would change what that run was trained with.
    """
    from fer.config import compose_train

    tree = compose_train(overrides, config_name="occlusion")
    try:
        settings = StudySettings.model_validate({key: tree.pop(key) for key in StudySettings.model_fields})
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{key}={first.get('input')!r}: {first['msg']}") from error
    for override in overrides:
        key = _key(override)
        if key in _NAMED_BY_STUDY:
            raise ConfigError(
                f"{override}: the study sets {key} for each of its runs: leave it out (study_dir=PATH names the "
                "study's folder, and the same command with it goes on where it stopped)"
            )
    tree |= {"report": False, "resume": "auto"}
    if settings.baseline is not None:
        tree = _trained_with(settings.baseline, overrides, tree)
    return settings, tree


def _trained_with(run: Path, overrides: Sequence[str], composed: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of a finished run, with what `overrides` may change of it taken from `composed`."""
    import yaml

    from fer.resume import FREE, in_run_dir
    from fer.run_folder import RunFolder

    folder = RunFolder(run)
    if not folder.config.is_file():
        raise ConfigError(f"baseline={run} is not a run folder (no config.yaml): give the run_dir of a fer-train")
    if not (folder.metrics.is_file() and folder.best.is_file()):
        raise ConfigError(f"baseline={run} is not a finished run: finish it with fer-train run_dir={run}")
    tree: dict[str, Any] = yaml.safe_load(folder.config.read_text(encoding="utf-8"))
    if tree.get("visible", "full") != "full":
        raise ConfigError(
            f"baseline={run} was trained with the {tree['visible']} part of the face alone: give one trained on whole "
            "faces"
        )
    tree |= {"visible": "full", "report": False, "resume": "auto"}
    composed = in_run_dir(composed, str(tree["run_dir"]))
    for override in overrides:
        key = _key(override)
        if key.partition(".")[0] in StudySettings.model_fields:
            continue
        if not key.startswith(FREE):
            raise ConfigError(
                f"{override}: baseline={run} was trained with settings of its own, and the halves learn with them "
                f"too: leave {key} out, or leave baseline= out to train a baseline with it"
            )
        _put(tree, key, _get(composed, key))
    return tree


def _key(override: str) -> str:
    return override.lstrip("+~").partition("=")[0]


def _get(tree: Mapping[str, Any], key: str) -> Any:
    value: Any = tree
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _put(tree: dict[str, Any], key: str, value: Any) -> None:
    *parents, last = key.split(".")
    for parent in parents:
        tree = tree[parent]
    tree[last] = value
