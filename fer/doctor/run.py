"""One run folder: how it ended, what its log says last, and whether its files can be read."""

import importlib.util
import math
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fer.common.errors import ConfigError, FerError
from fer.common.files import is_held
from fer.common.paths import expanded
from fer.common.plugins import UntrustedCodeError
from fer.doctor.finding import Finding, Status
from fer.doctor.places import place
from fer.folders.record import check_table, read_config, read_epochs, read_final, read_manifest
from fer.folders.run import RunFolder
from fer.folders.run_log import ended, read_log
from fer.folders.study import StudyFolder
from fer.folders.sweep import SweepFolder

LAST: Final = 12
"""Records of the log that are shown."""

_TRACEBACK_LINES: Final = 12

_DIVERGED: Final = "Train again with a lower optimizer.lr, or with trainer.precision=32-true."

_GOES_ON: Final = "The same command goes on from the last checkpoint"


def run_folder(path: Path) -> RunFolder:
    """The run folder at a path.

    Raises:
        ConfigError: there is none.
    """
    if not path.is_dir():
        raise ConfigError(f"RUN={path} is no folder: give the run_dir of a fer-train")
    sweep, study, folder = SweepFolder(path), StudyFolder(path), RunFolder(path)
    if sweep.settings.is_file():
        raise ConfigError(f"RUN={path} is a sweep: give the folder of one of its trials, as {sweep.trial(0)}")
    if study.exists:
        raise ConfigError(f"RUN={path} is a study: give one of its runs ({', '.join(map(str, study.runs.values()))})")
    if not any(file.exists() for file in (folder.config, folder.manifest, folder.log, folder.checkpoints)):
        raise ConfigError(f"RUN={path} is no run folder (it holds neither config.yaml nor log.jsonl)")
    return folder


def examine(folder: RunFolder) -> Iterator[Finding]:
    """Everything about a run that its own files tell."""
    # filelock comes with what trains; where it is not installed, nothing can be training here.
    busy = importlib.util.find_spec("filelock") is not None and is_held(folder.path)
    manifest = folder.read_manifest()
    log = _Log.read(folder.log) if folder.log.is_file() else None
    yield _state(manifest, log, busy=busy, finished=folder.metrics.is_file())
    if isinstance(manifest.get("command"), str):
        yield Finding("command", manifest["command"])
    yield place("place", folder.path.absolute(), key="run_dir", fatal=False)
    yield from _damaged(folder)
    yield from _epochs(folder)
    if importlib.util.find_spec("pytorch_lightning") is None:
        yield Finding("files", "configuration and checkpoints were not read: that needs pip install 'ferlab[train]'")
    else:
        yield from _configuration(folder)
        yield from _checkpoints(folder)
    yield _told(log)


@dataclass(frozen=True, kw_only=True)
class _Log:
    """A run's log at a glance.

    Attributes:
        records: how many.
        grave: how many of them are warnings or errors.
        last: the last ones, `LAST` at most.
    """

    records: int
    grave: int
    last: list[dict[str, Any]]

    @classmethod
    def read(cls, path: Path) -> "_Log":
        records = grave = 0
        last: deque[dict[str, Any]] = deque(maxlen=LAST)
        for record in read_log(path):
            records += 1
            grave += record.get("level") in ("WARNING", "ERROR", "CRITICAL")
            last.append(record)
        return cls(records=records, grave=grave, last=list(last))


def _state(manifest: Mapping[str, Any], log: _Log | None, *, busy: bool, finished: bool) -> Finding:
    if busy:
        return Finding("state", "is being trained now")
    status, error = manifest.get("status"), manifest.get("error", "")
    last = log.last[-1] if log is not None and log.last else {}
    if status in (None, "running", "finished", "interrupted") and last.get("status") == "failed":
        # It broke down before, or after, the part that the manifest is about.
        status, error = "failed", last.get("message", "")
    if status == "finished" or (finished and status not in ("running", "interrupted", "failed")):
        return Finding("state", f"finished after {_hours(manifest.get('wall_seconds'))}")
    if status == "interrupted":
        return Finding("state", f"interrupted ({error})", "note", f"{_GOES_ON}.")
    if status == "failed":
        return Finding("state", f"failed ({error})", "problem", f"Mend what the log says below. {_GOES_ON}.")
    if status == "running" or (last and not ended(last)):
        when = f"; the last record is of {last['time']}" if "time" in last else ""
        return Finding(
            "state",
            f"its process died without a word{when}",
            "problem",
            f"Look for a full disk, a lack of memory (dmesg), kill -9 or a power cut. {_GOES_ON}.",
        )
    return Finding("state", "was stopped before its training began", "note", "The same command begins again.")


def _damaged(folder: RunFolder) -> Iterator[Finding]:
    """The files of numbers that the commands after the training would refuse."""
    for path, read in (
        (folder.manifest, read_manifest),
        (folder.epochs, read_epochs),
        (folder.metrics, read_final),
    ):
        try:
            read(path)
        except FerError as error:
            yield Finding(path.name, str(error), "problem")
        except OSError as error:
            yield Finding(path.name, f"cannot be read ({error.strerror})", "problem")
    if importlib.util.find_spec("pyarrow") is None:
        return
    for table in folder.prediction_tables():
        try:
            check_table(table)
        except FerError as error:
            yield Finding(table.name, str(error), "problem")


def _epochs(folder: RunFolder) -> Iterator[Finding]:
    if not folder.epochs.is_file():
        yield Finding("epochs", "none was finished")
        return
    lines = list(read_log(folder.epochs))
    torn = folder.epochs.read_bytes()[-1:] not in (b"", b"\n")
    yield Finding("epochs", f"{len(lines)} finished{', and a line that is cut off' if torn else ''}")
    numbered = [line for line in lines if isinstance(line.get("epoch"), int)]
    for key, words in (("train/loss", "training loss"), ("valid/loss", "loss of the selection faces")):
        broken = [line["epoch"] for line in numbered if not _finite(line.get(key, 0.0))]
        if broken:
            lasting = broken == [line["epoch"] for line in numbered][-len(broken) :]
            told = ", ".join(str(epoch + 1) for epoch in broken[:9]) + (", ..." if len(broken) > 9 else "")
            when = f"from epoch {broken[0] + 1} on" if lasting else f"in epoch{'s' * (len(broken) > 1)} {told}"
            yield Finding("epochs", f"the {words} is not finite {when}", "problem", _DIVERGED)
            break


def _finite(value: Any) -> bool:
    # JSON has no word for what is not: the epoch's line holds null.
    return value is not None and (not isinstance(value, float) or math.isfinite(value))


def _configuration(folder: RunFolder) -> Iterator[Finding]:
    from fer.config.saved import completed, read_tree
    from fer.config.schema import validate

    if not folder.config.is_file():
        if folder.epochs.is_file() or folder.checkpoints.is_dir():
            yield Finding(
                "config.yaml", "is missing", "problem", "Restore it, or train again: nothing reads a run without."
            )
        else:
            yield Finding("config.yaml", "was not written: the run ended before its training began", "note")
        return
    try:
        read_config(folder.config)
    except FerError as error:
        yield Finding("config.yaml", str(error), "problem")
        return
    try:
        tree = read_tree(folder.path)
        validate(completed(tree))
    except FerError as error:
        # A finished run is reported and exported without: only training on, or again, needs all of it.
        status: Status = "note" if folder.metrics.is_file() else "problem"
        fix = "To train on from here, or again, repair that key, or take the version that wrote it."
        yield Finding("config.yaml", str(error), status, fix)
        return
    yield Finding("config.yaml", "valid")
    root = tree.get("data", {}).get("root")
    if root is not None and not expanded(root).exists():
        yield Finding("data", f"data.root={root} is not there from here", "note", "Going on needs data.root=PATH.")


def _checkpoints(folder: RunFolder) -> Iterator[Finding]:
    from fer.models.checkpoint import load_model

    if folder.metrics.is_file() and not folder.checkpoints.is_dir():
        yield Finding("checkpoints", "were removed, as a sweep does with all but its best trial's", "note")
        return
    for path in (folder.best, folder.last):
        if not path.is_file():
            finished = folder.epochs.is_file()
            text = "is missing" if finished else "is not there yet"
            fix = ""
            if finished and path == folder.best:
                fix = (
                    f"Reports take {folder.last.name}, of the last epoch: train again for the best."
                    if folder.last.is_file()
                    else "Train again: without it the run cannot be reported."
                )
            yield Finding(path.name, text, "problem" if fix else "note", fix)
            continue
        try:
            model = load_model(path)
        except UntrustedCodeError as error:
            yield Finding(path.name, f"not opened: {error}", "note")
            continue
        except FerError as error:
            other = folder.last if path == folder.best else folder.best
            fix = f"Move it away: {other.name} may be whole; else train again."
            yield Finding(path.name, str(error), "problem", fix)
            continue
        if not model.finite:
            yield Finding(path.name, "its weights are not finite: the training diverged", "problem", _DIVERGED)
            continue
        yield Finding(
            path.name, f"{model.spec.name}, epoch {model.epoch + 1}, {path.stat().st_size / 1e6:.1f} MB, opens"
        )


def _told(log: _Log | None) -> Finding:
    if log is None:
        return Finding("log.jsonl", "is not there: an earlier version trained this run", "note")
    shown = [line for record in log.last for line in _lines(record)]
    return Finding(
        "log.jsonl", f"{log.records} records, {log.grave} of them warnings or errors; the last:", more=tuple(shown)
    )


def _lines(record: Mapping[str, Any]) -> Iterator[str]:
    """A record as a person reads it."""
    head = " ".join(str(record.get(name, "?")) for name in ("time", "level", "logger"))
    yield from f"{head}: {record.get('message', '')}".splitlines()
    told = str(record.get("traceback", "")).splitlines()
    if len(told) > _TRACEBACK_LINES:
        told = [told[0], "  ...", *told[-_TRACEBACK_LINES:]]
    yield from (f"    {line}" for line in told)


def _hours(seconds: Any) -> str:
    # A file may hold anything; NaN is in no range.
    known = isinstance(seconds, int | float) and 0 <= seconds < 1e9
    if not known:
        return "an unknown time"
    minutes, rest = divmod(int(seconds), 60)
    # Hours do not begin anew after a day.
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest:02d}"
