"""What MLflow is told of a run folder, in MLflow's terms and within its limits."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

from fer.common.errors import DataError
from fer.common.files import is_held, read_json, read_text
from fer.common.parsing import parse_json, parse_yaml
from fer.config.run_paths import moved
from fer.folders.record import checked_manifest
from fer.folders.run import RunFolder

Status = Literal["running", "finished", "failed", "interrupted"]

MAX_KEY: Final = 250
MAX_PARAM: Final = 6000
MAX_TAG: Final = 8000
MAX_DATASET: Final = 500
"""Characters of a key, of a value and of a data set's name that MLflow takes (mlflow/utils/validation.py)."""

LOGGED: Final = "logged.jsonl"
"""In the run folder: what callbacks told the logger alone (`fer.tracking.logger`), a line a step."""

_CUT: Final = " ... (whole in config.yaml)"
_EPOCH_FACTS: Final = ("size", "lr", "seconds", "images_per_second")
_SEALED: Final = ("private", "folder7178")
"""Metrics whose names start so would rank models by PrivateTest; they go nowhere but into a report."""


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One line of `metrics.jsonl`.

    Attributes:
        number: from 0; MLflow's step.
        seconds: wall seconds of its training batches.
        values: metric -> value.
    """

    number: int
    seconds: float
    values: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Point:
    """One line of `LOGGED`.

    Attributes:
        step: optimiser steps done.
        time: milliseconds since 1970.
        values: metric -> value.
    """

    step: int
    time: int
    values: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Content:
    """One MLflow run to be.

    Attributes:
        folder: where it comes from, and where `tracking.json` remembers what was sent.
        name: its name in MLflow.
        status: how far it is.
        started: milliseconds since 1970.
        changed: milliseconds since 1970 at which the last epoch was written; for an ended run, its end.
        params: what was set; MLflow never changes a param.
        tags: what may change, and facts.
        epochs: in order.
        points: what was logged beside the epochs, in order.
        final: metrics of the whole run.
        artifacts: path in MLflow -> file.
        dataset: name, digest and source of the data; None where there is none.
        model: an exported ONNX file; None where there is none.
        awaits_report: its command goes on to write a report.
    """

    folder: Path
    name: str
    status: Status
    started: int
    changed: int
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    epochs: tuple[Epoch, ...] = ()
    points: tuple[Point, ...] = ()
    final: Mapping[str, float] = field(default_factory=dict)
    artifacts: Mapping[str, Path] = field(default_factory=dict)
    dataset: Mapping[str, str] | None = None
    model: Path | None = None
    awaits_report: bool = False


def is_run(path: Path) -> bool:
    """Whether a folder holds a run that got as far as its first manifest."""
    folder = RunFolder(path)
    return folder.config.is_file() and folder.manifest.is_file()


def read_run(path: Path, *, alive: bool | None = None, model: Path | None = None) -> Content:
    """The content of a run folder as it is now.

    Args:
        path: the run folder.
        alive: whether its training still runs, where the manifest says "running"; None finds out by its lock.
        model: the ONNX file of the model; None takes `model.onnx` in the folder if it is there.

    Raises:
        DataError: a file of it is not readable.
    """
    folder = RunFolder(path)
    # The manifest comes first: once it says that the run has ended, the other files are whole.
    manifest = checked_manifest(folder.manifest, read_json(folder.manifest))
    config = _config(folder.config)
    status: Status = manifest.get("status", "finished")
    error = manifest.get("error")
    if status == "running" and not (is_held(path) if alive is None else alive):
        status, error = "failed", "the training died without a word"
    epochs = read_epochs(folder.epochs)
    metrics = read_json(folder.metrics) if folder.metrics.is_file() else {}
    energy = manifest.get("energy", {})
    final = {**metrics, **{f"energy.{key}": energy[key] for key in ("kwh", "co2_kg") if key in energy}}
    started = _milliseconds(manifest.get("started"), folder.manifest)
    model = path / "model.onnx" if model is None else model
    page = path / "report" / "report.html"
    return Content(
        folder=path,
        name=path.resolve().name,
        status=status,
        started=started,
        changed=_changed(folder, manifest, status=status, started=started),
        params=params_of(config, run_dir=str(config.get("run_dir"))),
        tags={**_tags(manifest, path, error=error), **_undefined(metrics)},
        epochs=epochs,
        points=_read_points(path / LOGGED),
        final=final_metrics(final),
        artifacts=_artifacts(folder, status),
        dataset=_dataset(manifest.get("data", {})),
        model=model if model.is_file() and status != "running" else None,
        awaits_report=_makes_report(config) and status == "finished" and not page.is_file(),
    )


def read_epochs(path: Path) -> tuple[Epoch, ...]:
    """The epochs in a `metrics.jsonl`; a last line that is still being written is left for the next time."""
    if not path.is_file():
        return ()
    *lines, _ = path.read_text(encoding="utf-8", errors="replace").split("\n")
    epochs = []
    for number, line in enumerate(lines, start=1):
        try:
            epochs.append(_epoch(parse_json(line)))
        except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
            raise DataError(f"{path}:{number} is no epoch ({error}): remove that line and send again") from error
    return tuple(epochs)


def _read_points(path: Path) -> tuple[Point, ...]:
    """The lines of a `LOGGED`; a last one that is still being written is left for the next time."""
    if not path.is_file():
        return ()
    *lines, _ = path.read_text(encoding="utf-8", errors="replace").split("\n")
    points = []
    for number, line in enumerate(lines, start=1):
        try:
            told = parse_json(line)
            values = {_key(name): float(value) for name, value in told["values"].items() if is_open_metric(name, value)}
            points.append(Point(step=int(told["step"]), time=int(told["time"]), values=values))
        except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
            raise DataError(f"{path}:{number} is no step ({error}): remove that line and send again") from error
    return tuple(points)


def is_open_metric(name: str, value: object) -> bool:
    """Whether a final figure is a number that may stand in a column people sort by."""
    return isinstance(value, int | float) and not isinstance(value, bool) and not name.startswith(_SEALED)


def final_metrics(figures: Mapping[str, Any]) -> dict[str, float]:
    """Those of the figures that are numbers people may sort by, under names that MLflow takes."""
    return {_key(name): float(value) for name, value in figures.items() if is_open_metric(name, value)}


def params_of(config: Mapping[str, Any], *, run_dir: str) -> dict[str, str]:
    """A configuration as MLflow params: dotted keys, lists as JSON, paths in the run folder relative to it.

    Left out is what says where and how a run is watched, which is no part of what it is: `run_dir`, `resume`, `report`
    and `logger`.
    """
    watched = ("run_dir", "resume", "report", "logger")
    tree = {key: value for key, value in config.items() if key not in watched}
    placed = moved(tree, before=run_dir, now="RUN_DIR")
    return {_key(name): _shortened(_text(value), MAX_PARAM, _CUT) for name, value in flattened(placed).items()}


def flattened(tree: Any, prefix: str = "") -> dict[str, Any]:
    """Dotted key -> leaf; an empty mapping is a leaf."""
    if isinstance(tree, Mapping) and tree:
        leaves: dict[str, Any] = {}
        for key, value in tree.items():
            leaves |= flattened(value, f"{prefix}.{key}" if prefix else str(key))
        return leaves
    return {prefix: tree}


def as_tags(facts: Mapping[str, Any]) -> dict[str, str]:
    """Facts as MLflow tags under `fer.`; what is None is left out."""
    return {
        _key(name if name.startswith("mlflow.") else f"fer.{name}"): _shortened(_text(value), MAX_TAG, " ...")
        for name, value in facts.items()
        if value is not None
    }


def source_tags(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """MLflow's own tags of where a run comes from."""
    revision = manifest.get("git_revision")
    return {
        "mlflow.source.type": "LOCAL",
        "mlflow.source.name": manifest.get("command"),
        "mlflow.source.git.commit": None if revision is None else str(revision).rstrip("+"),
    }


def _tags(manifest: Mapping[str, Any], path: Path, *, error: object) -> dict[str, str]:
    data, device, energy = (manifest.get(key, {}) for key in ("data", "device", "energy"))
    told = ("country", "kg_per_kwh", "method")
    return as_tags(
        {
            **source_tags(manifest),
            "kind": "run",
            "run_dir": str(path.resolve()),
            **{key: manifest.get(key) for key in ("command", "git_revision", "seed", "resumed_from")},
            "error": error,
            "device": device.get("name"),
            "precision": device.get("precision"),
            **{f"data.{key}": data.get(key) for key in ("source", "fingerprint", "protocol", "visible")},
            **{f"version.{package}": version for package, version in manifest.get("versions", {}).items()},
            **{f"machine.{key}": value for key, value in manifest.get("machine", {}).items()},
            **{f"energy.{key}": energy.get(key) for key in told},
        }
    )


def _undefined(metrics: Mapping[str, Any]) -> dict[str, str]:
    """Why a final metric has no value, a tag each."""
    return as_tags({f"undefined.{name}": reason for name, reason in metrics.get("undefined", {}).items()})


def _artifacts(folder: RunFolder, status: Status) -> dict[str, Path]:
    """While a run goes on, its configuration and figures; then everything but what repeats or can be made again."""
    files: dict[str, Path] = {"config.yaml": folder.config, **_figures(folder.path)}
    if status == "running":
        return files
    files |= {path.name: path for path in (folder.manifest, folder.epochs, folder.metrics, folder.log)}
    files |= {name: folder.path / name for name in ("lr_find.json", "overfitting.json")}
    files["checkpoints/best.ckpt"] = folder.best
    files |= {f"predictions/{path.name}": path for path in sorted(folder.predictions("any").parent.glob("*.parquet"))}
    return {**{name: path for name, path in files.items() if path.is_file()}, **report_files(folder.path)}


def _figures(path: Path) -> dict[str, Path]:
    """What callbacks drew while the run trained."""
    return {file.relative_to(path).as_posix(): file for file in sorted((path / "figures").rglob("*.png"))}


def _makes_report(config: Mapping[str, Any]) -> bool:
    """Whether the command goes on to write a report: by `report=true`, or by `callbacks=report`."""
    callbacks = config.get("callbacks") or {}
    return bool(config.get("report")) or (isinstance(callbacks, Mapping) and callbacks.get("report") is not None)


def report_files(path: Path) -> dict[str, Path]:
    """The page of the report in a folder, its numbers, model card and figures.

    Left out are its predictions, its single faces (the page holds them), a figure's second form, and hidden files.
    """
    report = path / "report"
    if not (report / "report.html").is_file():
        return {}
    found = (file.relative_to(report) for file in sorted(report.rglob("*")) if file.is_file())
    left_out = ("predictions", "explanations", "gradcam")
    return {
        f"report/{name.as_posix()}": report / name
        for name in found
        if name.parts[0] not in left_out and name.suffix != ".svg" and not name.name.startswith(".")
    }


def _dataset(data: Mapping[str, Any]) -> dict[str, str] | None:
    if "fingerprint" not in data:
        return None
    profile = {key: data.get(key) for key in ("protocol", "train_rows", "valid_rows", "split_sizes", "class_counts")}
    # Of merged data it names every member.
    name = _shortened(str(data.get("source")), MAX_DATASET, " ...")
    return {"name": name, "digest": str(data["fingerprint"]), "profile": json.dumps(profile)}


def _epoch(line: Mapping[str, Any]) -> Epoch:
    values = {
        f"epoch/{name}" if name in _EPOCH_FACTS else _key(name): float(value)
        for name, value in line.items()
        if name != "epoch" and is_open_metric(name, value)
    }
    return Epoch(number=int(line["epoch"]), seconds=float(line.get("seconds") or 0.0), values=values)


def _config(path: Path) -> dict[str, Any]:
    try:
        content = parse_yaml(read_text(path))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is not readable YAML: {error}") from error
    if not isinstance(content, dict):
        raise DataError(f"{path} holds no configuration")
    return content


def _milliseconds(told: object, path: Path) -> int:
    """An ISO 8601 time; where none is told, when `path` was written."""
    try:
        seconds = datetime.fromisoformat(told).timestamp() if isinstance(told, str) else path.stat().st_mtime
    except (ValueError, OverflowError) as error:
        raise DataError(f"{path}: {told!r:.60} is no time: delete the file, or train again") from error
    return int(seconds * 1000)


def _changed(folder: RunFolder, manifest: Mapping[str, Any], *, status: Status, started: int) -> int:
    """When the last epoch was written, or the run ended, in milliseconds since 1970."""
    seconds = manifest.get("wall_seconds")
    if status != "running" and seconds is not None and manifest.get("resumed_from") is None:
        # Unlike the time of a file, it survives a copy. The parts of a resumed run have gaps between them.
        return started + int(1000 * float(seconds))
    last = folder.epochs if status == "running" and folder.epochs.is_file() else folder.manifest
    return int(last.stat().st_mtime * 1000)


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, list | dict) else str(value)


def _key(name: str) -> str:
    """A name MLflow takes; a long one keeps its end and is told apart from its like by a hash."""
    name = re.sub(r"[^\w\-. :/]", "_", name)
    if len(name) <= MAX_KEY:
        return name
    digest = hashlib.sha256(name.encode("utf-8")).hexdigest()[:8]
    return f"{digest}{name[-(MAX_KEY - len(digest)) :]}"


def _shortened(value: str, limit: int, mark: str) -> str:
    return value if len(value) <= limit else value[: limit - len(mark)] + mark


def batches(items: Iterable[Any], size: int) -> list[list[Any]]:
    """Lists of at most `size` items."""
    rest = list(items)
    return [rest[start : start + size] for start in range(0, len(rest), size)]
