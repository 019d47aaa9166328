"""A run, a sweep or a study in the few plain values of a table's row."""

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from fer.common.errors import FerError
from fer.common.files import read_json
from fer.common.label_set import FER7, label_names
from fer.common.wording import counted
from fer.folders.overview import RunOverview, overview
from fer.folders.study import StudyFolder
from fer.folders.sweep import SweepFolder

RECIPE_STUDIES: Final = ("augmentation", "datasize")
"""What `fer-study` studies; the other kind of study is of `fer-occlusion`."""


def run_summary(path: Path, *, held: bool) -> dict[str, Any]:
    """The row of a run.

    Args:
        path: its folder.
        held: whether a process trains in it.
    """
    run = overview(path, held=held)
    section = run.config.get("trainer")
    planned = section.get("max_epochs") if isinstance(section, Mapping) else None
    best = best_epoch(run)
    return {
        "status": run.status,
        "reason": run.reason,
        "model": _name(run.config, "model"),
        "data": _name(run.config, "data"),
        "seed": run.config.get("seed"),
        "accuracy": _score(run, "accuracy", best),
        "macro_f1": _score(run, "macro_f1", best),
        "epochs": len(run.epochs),
        "planned": planned,
        "seconds": _seconds(run),
        "started": run.manifest.get("started"),
        "report": there(path / "report" / "report.html"),
        "checkpoint": there(run.folder.best) or there(run.folder.last),
        "early": early_words(run, best),
        "labels": _labels(run.config),
        "fold": _fold(run.config),
    }


def sweep_summary(path: Path, *, held: bool) -> dict[str, Any]:
    """The row of a sweep; see `run_summary`."""
    sweep = SweepFolder(path)
    try:
        told = read_json(sweep.settings)
        records = sweep.records()
    except (FerError, OSError) as error:
        return {"status": "broken", "reason": str(error), "trials": 0, "report": there(sweep.report)}
    status = (
        "running" if held else {"interrupted": "stopped", "running": "stopped"}.get(str(told.get("status")), "finished")
    )
    best = min((each for each in records if each.loss is not None and each.status == "ok"), key=_loss, default=None)
    accuracy = next((v for k, v in best.metrics.items() if k.endswith(".accuracy")), None) if best is not None else None
    return {
        "status": status,
        "reason": None,
        "trials": len(records),
        "accuracy": accuracy,
        "macro_f1": next((v for k, v in best.metrics.items() if k.endswith(".macro_f1")), None) if best else None,
        "started": min((each.started for each in records), default=None),
        "seconds": sum(each.seconds for each in records) if records else None,
        "report": there(sweep.report),
    }


def study_summary(path: Path, *, held: bool) -> dict[str, Any]:
    """The row of a study; see `run_summary`."""
    study = StudyFolder(path)
    report = any(map(there, pages_of(path)))
    try:
        told = study.read()
    except (FerError, OSError) as error:
        return {"status": "broken", "reason": str(error), "runs": [], "report": report}
    # One of recipes names its runs as they end, and how many there will be.
    expected = told.get("planned")
    runs = study.runs
    whole = not isinstance(expected, int) or len(runs) >= expected or (bool(told.get("missing")) and report)
    finished = whole and all(there(place / "metrics.json") for place in runs.values())
    return {
        "status": "running" if held else "finished" if finished else "stopped",
        "reason": None,
        "study": told.get("study"),
        "runs": list(runs),
        "planned": expected if isinstance(expected, int) else len(runs),
        "report": report,
    }


def there(file: Path) -> bool:
    """Whether a file is there, as far as this user may look; a Path's own method raises where it may not."""
    return os.path.isfile(file)  # noqa: PTH113


def pages_of(path: Path) -> tuple[Path, ...]:
    """Where the page of a run, of a sweep and of either kind of study lies in its folder."""
    return (path / "report" / "report.html", path / "report.html", path / "study.html")


def best_epoch(run: RunOverview) -> Mapping[str, Any] | None:
    """The epoch with the highest selection accuracy; None where none has one."""
    judged = [each for each in run.epochs if _number(each.get("valid/accuracy")) is not None]
    return max(judged, key=lambda each: float(each["valid/accuracy"]), default=None)


def early_words(run: RunOverview, best: Mapping[str, Any] | None) -> str | None:
    """What early stopping did, or is about to do, in words; None where there is nothing to tell."""
    callbacks = run.config.get("callbacks")
    node = callbacks.get("early_stopping") if isinstance(callbacks, Mapping) else None
    section = run.config.get("trainer")
    planned = section.get("max_epochs") if isinstance(section, Mapping) else None
    if not isinstance(node, Mapping) or not isinstance(node.get("patience"), int) or best is None:
        return None
    if node.get("monitor") != "valid/accuracy" or not isinstance(planned, int):
        return None
    without, patience = int(run.epochs[-1]["epoch"]) - int(best["epoch"]), int(node["patience"])
    if run.status == "finished":
        if len(run.epochs) >= planned:
            return None
        return f"stopped early after epoch {len(run.epochs)}: {counted(patience, 'epoch')} without a better accuracy"
    return f"{without} of {counted(patience, 'epoch')} without a better accuracy" if without > 0 else None


def _labels(config: Mapping[str, Any]) -> list[str] | None:
    """What a run predicts; None for the seven emotions, and where its configuration does not say it properly."""
    told = config.get("labels", FER7)
    if told == FER7:
        return None
    try:
        return list(label_names(told))
    except FerError:
        return None


def _fold(config: Mapping[str, Any]) -> int | None:
    """Which fold a run of `data.protocol=kfold` held out; None for other protocols."""
    section = config.get("data")
    if not isinstance(section, Mapping) or section.get("protocol") != "kfold":
        return None
    fold = section.get("fold")
    return fold if isinstance(fold, int) else None


def _score(run: RunOverview, metric: str, best: Mapping[str, Any] | None) -> float | None:
    """A final number of the selection faces, or that of the best epoch so far."""
    final = next((value for key, value in run.final.items() if key.rpartition(".")[2] == metric), None)
    return _number(final) if final is not None else _number(best.get(f"valid/{metric}")) if best is not None else None


def _seconds(run: RunOverview) -> float | None:
    """Of all its epochs; the manifest of a run that went on after a stop has only the time since."""
    told = _number(run.manifest.get("wall_seconds")) or 0.0
    spent = sum(_number(each.get("seconds")) or 0.0 for each in run.epochs)
    return max(told, spent) or None


def _name(config: Mapping[str, Any], section: str) -> str | None:
    part = config.get(section)
    return str(part["name"]) if isinstance(part, Mapping) and "name" in part else None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _loss(record: Any) -> float:
    return float(record.loss)
