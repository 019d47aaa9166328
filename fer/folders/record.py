"""What a run folder says of itself."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from fer.common.errors import CheckpointError, ConfigError, DataError
from fer.common.label_set import FER7, label_names
from fer.common.parsing import parse_json, parse_yaml
from fer.common.wording import counted
from fer.folders.run import RunFolder
from fer.folders.study import StudyFolder

_ABSENT: Final = object()
_NUMBER: Final = (int, float, type(None))
_MANIFEST: Final[Mapping[str, type | tuple[type, ...]]] = {
    **dict.fromkeys(("versions", "machine", "device", "data", "energy"), dict),
    **dict.fromkeys(("command", "git_revision", "status", "started"), (str, type(None))),
    "wall_seconds": _NUMBER,
}
"""What stands in a manifest, as far as others read it."""


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """The files of one run, read.

    Attributes:
        folder: where they are.
        name: the run's name in tables; unique within a report.
        config: the resolved configuration, plain types.
        manifest: command, versions, device, data, times; empty where an interrupted run has not written it.
        epochs: one mapping an epoch, in order.
        final: the run's own final numbers by dotted name ("public.accuracy"), None where undefined; empty for an
            interrupted run.
        checkpoint: the weights to report on.
        notes: what a reader must know of this run before its numbers.
    """

    folder: RunFolder
    name: str
    config: Mapping[str, Any]
    manifest: Mapping[str, Any]
    epochs: tuple[Mapping[str, Any], ...]
    final: Mapping[str, Any]
    checkpoint: Path
    notes: tuple[str, ...] = ()

    @property
    def protocol(self) -> str:
        """Which rows trained and which selected: a value of `data.protocol`."""
        return str(self.config["data"].get("protocol", "official"))

    @property
    def seed(self) -> int:
        """The training seed."""
        return int(self.config.get("seed", 0))

    @property
    def labels(self) -> tuple[str, ...]:
        """What is predicted, in the order of the net's outputs."""
        return label_names(self.config.get("labels", FER7))

    @property
    def visible(self) -> str:
        """The part of every face that training and selection were shown: a region of `fer.data.regions.EXTENTS`."""
        return str(self.config.get("visible", "full"))

    @property
    def votes_share(self) -> float | None:
        """Of two heads (`data.targets=both`), the weight of the votes' in [0, 1]; None for a net with one."""
        if self.config["data"].get("targets") != "both":
            return None
        return float(self.config["model"].get("votes_share", 0.0))

    @property
    def model(self) -> str:
        """The net's name in the registry."""
        return str(self.config["model"]["name"])


def read_runs(paths: Sequence[Path]) -> tuple[RunRecord, ...]:
    """The records of several runs, in order, with names that tell them apart; a study stands for its runs.

    Raises:
        ConfigError: no run named, one named twice, or not a run folder.
        CheckpointError: a run folder without a checkpoint.
        DataError: a broken manifest or metrics file.
    """
    if len(paths) == 0:
        raise ConfigError("run is empty: name at least one run folder, as in fer-report run=outputs/<run>")
    paths = [run for path in paths for run in runs_of(path)]
    resolved = [path.resolve() for path in paths]
    twice = [path for path, count in Counter(resolved).items() if count > 1]
    if twice:
        raise ConfigError(f"run={paths[resolved.index(twice[0])]} is named twice: name each run once")
    return tuple(replace(read_run(path), name=name) for path, name in zip(paths, _told_apart(resolved), strict=True))


def _told_apart(paths: Sequence[Path]) -> list[str]:
    """The end of each path, with as many of the folders above as tell it from the others.

    The folder above is not enough: trials of two sweeps, and runs of two studies, have one name below one name.

    Args:
        paths: absolute, no two the same.
    """
    alike = Counter(path.parts[-depth:] for path in paths for depth in range(1, len(path.parts) + 1))

    def name(path: Path) -> str:
        ends = (path.parts[-depth:] for depth in range(1, len(path.parts) + 1))
        return Path(*next(end for end in ends if alike[end] == 1)).as_posix()

    return [name(path) for path in paths]


def runs_of(path: Path) -> list[Path]:
    """The run folders that a path stands for: itself, or of a study (`study.json`) those that hold a checkpoint.

    Raises:
        CheckpointError: a study of which no run has finished an epoch.
        DataError: a broken `study.json`.
    """
    study = StudyFolder(path)
    if not study.exists:
        return [path]
    folders = [RunFolder(place) for place in study.runs.values()]
    begun = [folder.path for folder in folders if folder.best.is_file() or folder.last.is_file()]
    if len(begun) == 0:
        raise CheckpointError(
            f"run={path} is a study without any checkpoint ({', '.join(study.runs)}): go on with its own command, "
            f"which {study.file.name} holds"
        )
    return begun


def read_run(path: Path) -> RunRecord:
    """The record of one run; see `read_runs`."""
    if not path.exists():
        raise ConfigError(f"run={path} does not exist: give the run_dir of a fer-train")
    folder = RunFolder(path)
    notes = []
    config = read_config(folder.config)
    manifest = read_manifest(folder.manifest)
    epochs, torn = read_epochs(folder.epochs)
    finished = folder.metrics.is_file()
    final, undefined = read_final(folder.metrics)
    checkpoint = _checkpoint(folder)
    if not finished:
        of_epochs = config.get("trainer", {}).get("max_epochs")
        told = counted(len(epochs), "epoch") if of_epochs is None else f"{len(epochs)} of {of_epochs} epochs"
        notes.append(
            f"This run was interrupted after {told}: every number below is that of the unfinished model in "
            f"{checkpoint.name}. Continue it with {folder.again} and report again."
        )
    elif checkpoint == folder.last:
        notes.append("The run has no best.ckpt: every number below is that of its last epoch, not of its best.")
    notes += [f"{name} is undefined: {reason}." for name, reason in undefined.items()]
    if torn:
        notes.append(f"The last line of {folder.epochs.name} is cut off and was left out.")
    return RunRecord(
        folder=folder,
        name=path.resolve().name,
        config=config,
        manifest=manifest,
        epochs=epochs,
        final=final,
        checkpoint=checkpoint,
        notes=tuple(notes),
    )


def _checkpoint(folder: RunFolder) -> Path:
    for path in (folder.best, folder.last):
        if path.is_file():
            return path
    raise CheckpointError(
        f"run={folder.path} has no checkpoint ({folder.best} or {folder.last.name}): no epoch was finished, or the "
        f"file was removed; train again with {folder.again}"
    )


def read_config(path: Path) -> Mapping[str, Any]:
    """The resolved configuration of a run, as plain values.

    Raises:
        ConfigError: missing, no YAML, or not the configuration of a `fer-train`.
    """
    if not path.is_file():
        raise ConfigError(f"run={path.parent} is not a run folder (no config.yaml): give the run_dir of a fer-train")
    try:
        tree = parse_yaml(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"{path} is not readable YAML ({error}): restore it, or train again") from error
    if not (isinstance(tree, dict) and isinstance(tree.get("data"), dict) and isinstance(tree.get("model"), dict)):
        raise ConfigError(f"{path} holds no data and model sections: it is not the configuration of a fer-train")
    wrong = _wrong(tree, {"model.name": str, "data.protocol": str, "trainer": dict, "seed": int, "visible": str})
    if wrong is not None or "name" not in tree["model"]:
        raise ConfigError(f"{path}: {wrong or 'model.name is missing'}: it is not the configuration of a fer-train")
    try:
        label_names(tree.get("labels", FER7))
    except ConfigError as error:
        raise ConfigError(f"{path}: labels: {error}") from error
    return tree


def _wrong(tree: Mapping[str, Any], kinds: Mapping[str, type | tuple[type, ...]]) -> str | None:
    """The first dotted key whose value is of another kind, in words; keys that are not there are not missed."""
    for dotted, kind in kinds.items():
        value: Any = tree
        for key in dotted.split("."):
            value = value.get(key, _ABSENT) if isinstance(value, Mapping) else _ABSENT
        if value is not _ABSENT and (not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool)):
            return f"{dotted} is {str(value)[:60]!r}"
    return None


def _read_json(path: Path, *, without: str) -> Mapping[str, Any]:
    try:
        content = parse_json(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path} is not readable JSON ({error}): delete it to {without}, or train again") from error
    if not isinstance(content, dict):
        raise DataError(f"{path} holds no JSON object: delete it to {without}, or train again")
    return content


def read_epochs(path: Path) -> tuple[tuple[Mapping[str, Any], ...], bool]:
    """The epochs of `metrics.jsonl`, and whether the last line was cut off, as a killed run leaves it.

    Raises:
        DataError: another line is no epoch.
    """
    if not path.is_file():
        return (), False
    lines = [f"{line}\n" for line in path.read_text(encoding="utf-8", errors="replace").split("\n")]
    # What follows the last line end is a line that was being written, or nothing.
    lines[-1] = lines[-1][:-1]
    lines = lines if lines[-1] else lines[:-1]
    torn = len(lines) > 0 and not lines[-1].endswith("\n")
    epochs = []
    for number, line in enumerate(lines[:-1] if torn else lines, start=1):
        try:
            epoch = parse_json(line)
        except ValueError as error:
            reason = getattr(error, "msg", error)
            raise DataError(f"{path}:{number} is not JSON ({reason}): remove that line and report again") from error
        if not isinstance(epoch, dict) or "epoch" not in epoch:
            raise DataError(f"{path}:{number} names no epoch: remove that line and report again")
        numbers = (key for key in epoch if key not in ("epoch", "undefined", "tables"))
        wrong = _wrong(epoch, {"epoch": int, "undefined": dict, "tables": dict} | dict.fromkeys(numbers, _NUMBER))
        if wrong is not None:
            raise DataError(f"{path}:{number}: {wrong}, expected a number: remove that line and report again")
        epochs.append(epoch)
    return tuple(epochs), torn


def read_manifest(path: Path) -> Mapping[str, Any]:
    """The manifest of a run; empty where an interrupted run has not written it.

    Raises:
        DataError: it is damaged.
    """
    without = "report the run without it"
    return checked_manifest(path, _read_json(path, without=without)) if path.is_file() else {}


def read_final(path: Path) -> tuple[dict[str, Any], Mapping[str, Any]]:
    """The final numbers of `metrics.json` by dotted name, and of those that are None the reason; both empty where the
    run is not finished.

    Raises:
        DataError: it is damaged.
    """
    metrics = dict(_read_json(path, without="report the run as interrupted")) if path.is_file() else {}
    undefined = metrics.pop("undefined", {})
    _checked(path, {"undefined": undefined}, {"undefined": dict})
    final = _flat(metrics)
    _checked(path, final, dict.fromkeys(final, _NUMBER))
    return final, undefined


def check_table(path: Path) -> None:
    """Refuses a table of predictions that is damaged.

    Raises:
        DataError: it is.
    """
    from fer.metrics import Predictions

    Predictions.read(path)


def checked_manifest(path: Path, manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """The manifest, once its parts are of the kinds that readers take them for.

    Raises:
        DataError: one is not.
    """
    seconds = manifest.get("wall_seconds")
    if isinstance(seconds, float) and not math.isfinite(seconds):
        raise DataError(
            f"{path}: wall_seconds is {seconds}, which no fer-train writes: delete the file, or train again"
        )
    return _checked(path, manifest, _MANIFEST)


def _checked(path: Path, content: Mapping[str, Any], kinds: Mapping[str, type | tuple[type, ...]]) -> Mapping[str, Any]:
    for key, kind in kinds.items():
        # A key with dots of its own is no path.
        wrong = _wrong({"": content[key]}, {"": kind}) if key in content else None
        if wrong is None:
            continue
        wrong = f"{key}{wrong}"
        raise DataError(f"{path}: {wrong}, which no fer-train writes: delete the file, or train again")
    return content


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one with dotted names."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
