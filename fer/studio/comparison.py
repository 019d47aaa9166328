"""Runs in detail and side by side, from the files of their folders."""

import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from fer.common.files import read_json, refuse_endless
from fer.folders.overview import RunOverview, overview
from fer.folders.run import RunFolder
from fer.folders.sweep import SweepFolder
from fer.metrics.objectives import metric_of
from fer.studio.summary import best_epoch, early_words

_LOG_BYTES: Final = 1 << 17
_SHOWN_RECORDS: Final = 60
_PACE_EPOCHS: Final = 5


def details(path: Path) -> dict[str, Any]:
    """All that a run's own page shows: configuration, manifest, curves, log, and how long it will still take."""
    run = overview(path)
    records = _records(run.folder)
    return {
        "status": run.status,
        "reason": run.reason,
        "folder": str(path),
        "config": flat(run.config),
        "manifest": flat({key: value for key, value in run.manifest.items() if key not in ("versions", "command")}),
        "command": run.manifest.get("command"),
        "final": run.final,
        "epochs": list(run.epochs),
        "rest_seconds": rest_seconds(run, records),
        "early": early_words(run, best_epoch(run)),
        "log": [_shown(each) for each in records if each.get("level") != "DEBUG"][-_SHOWN_RECORDS:],
    }


def curves(path: Path) -> dict[str, Any]:
    """The epochs of a run, and its status."""
    run = overview(path)
    return {"status": run.status, "epochs": list(run.epochs), "rest_seconds": rest_seconds(run, _records(run.folder))}


def differences(places: Mapping[str, Path]) -> list[dict[str, Any]]:
    """Settings in which runs differ: {"key", "values": one for each run, None where it has no such key}."""
    configs = {name: flat(overview(path).config) for name, path in places.items()}
    keys = sorted({key for config in configs.values() for key in config})
    rows = []
    for key in keys:
        if key == "resume" or key.split(".")[-1] in ("run_dir", "dirpath", "save_dir", "path"):
            continue
        values = [config.get(key) for config in configs.values()]
        if any(value != values[0] for value in values):
            rows.append({"key": key, "values": values})
    return rows


def trials(path: Path) -> dict[str, Any]:
    """The trials of a sweep, for a table and for parallel coordinates; a score is the value of its objective.

    Raises:
        DataError: `trials.jsonl` has a line that is no trial, or `sweep.json` is not readable.
    """
    records = SweepFolder(path).records()
    metric = metric_of(str(read_json(SweepFolder(path).settings).get("objective", "accuracy")))
    rows = [
        {
            "trial": each.trial,
            "status": each.status,
            "params": {key: _plain(value) for key, value in each.params.items()},
            "score": None if each.loss is None else metric.value(each.loss),
            "seconds": each.seconds,
            "run": each.run_dir,
            "error": each.error,
            "command": each.command,
        }
        for each in records
    ]
    best = SweepFolder(path).best
    return {"trials": rows, "lower": metric.sign < 0, "best": str(best) if best.is_file() else None}


def rest_seconds(run: RunOverview, records: Sequence[Mapping[str, Any]]) -> float | None:
    """Seconds until the last planned epoch, at the pace of the latest ones; None where it is not known.

    Early stopping may end it sooner.
    """
    section = run.config.get("trainer")
    planned = section.get("max_epochs") if isinstance(section, Mapping) else None
    if run.status != "running" or not isinstance(planned, int) or not run.epochs:
        return None
    written = [_moment(each) for each in records if each.get("logger") == "fer.callbacks.epoch_log" and "epoch" in each]
    times = [each for each in written if each is not None][-_PACE_EPOCHS - 1 :]
    if len(times) >= 2:
        pace = (times[-1] - times[0]) / (len(times) - 1)
        since = datetime.now().timestamp() - times[-1]
        return max(0.0, (planned - len(run.epochs)) * pace - min(since, pace))
    spent = run.epochs[-1].get("seconds")
    return (planned - len(run.epochs)) * float(spent) if isinstance(spent, int | float) else None


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one with dotted keys; lists stay whole."""
    rows: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            rows |= flat(value, f"{prefix}{key}.")
        else:
            rows[f"{prefix}{key}"] = _plain(value)
    return rows


def _records(folder: RunFolder) -> list[Mapping[str, Any]]:
    """The last records of the run's log."""
    try:
        refuse_endless(folder.log)
        with folder.log.open("rb") as file:
            size = folder.log.stat().st_size
            file.seek(max(0, size - _LOG_BYTES))
            lines = file.read().splitlines()
    except OSError:
        return []
    records: list[Mapping[str, Any]] = []
    for line in lines[1 if size > _LOG_BYTES else 0 :]:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            records.append(record)
    return records


def _shown(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: str(record.get(name, ""))[:2000] for name in ("time", "level", "message")}


def _moment(record: Mapping[str, Any]) -> float | None:
    try:
        return datetime.fromisoformat(str(record["time"])).timestamp()
    except (KeyError, ValueError):
        return None


def _plain(value: Any) -> Any:
    """A value as JSON can hold it."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, list):
        return [_inside(each) for each in value]
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def _inside(value: Any) -> Any:
    """A value of a list, in which mappings stay what they are."""
    return {str(key): _inside(each) for key, each in value.items()} if isinstance(value, Mapping) else _plain(value)
