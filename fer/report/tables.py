"""The numbers as files: CSV for spreadsheets, JSON for programs."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fer.files import write_atomic, write_json
from fer.labels import EMOTIONS
from fer.metrics import METRICS, Estimate
from fer.report.evaluation import EvaluatedRun
from fer.report.options import ReportOptions
from fer.report.scoring import Scores


def write_metrics(path: Path, detail: EvaluatedRun, runs: Sequence[EvaluatedRun], options: ReportOptions) -> None:
    """`metrics.json`: each set of the run shown in detail at the top, and of every run under `runs`.

    With test-time augmentation a set stands under `<set>_tta`.
    """
    write_json(
        path,
        {
            "run": detail.record.name,
            "protocol": detail.record.protocol,
            "headline": detail.headline_key,
            **set_metrics(detail),
            "sets": {key: scores.evaluation_set.description for key, scores in detail.sets.items()},
            "interval": {
                "level": 0.95,
                "method": "percentile bootstrap over faces",
                "resamples": options.bootstrap,
                "seed": options.seed,
            },
            "notes": list(detail.notes),
            "runs": {
                run.record.name: {"protocol": run.record.protocol, "seed": run.record.seed, **set_metrics(run)}
                for run in runs
            },
        },
    )


def set_metrics(run: EvaluatedRun) -> dict[str, dict[str, Any]]:
    """Set (`<set>_tta` with test-time augmentation) -> metric -> `{"value", "low", "high", "n"}`."""
    return {
        key: {metric: estimate.as_dict() for metric, estimate in scores.metrics.items()}
        for key, scores in tables(run).items()
    }


def tables(run: EvaluatedRun) -> dict[str, Scores]:
    """Every prediction table of a run by its key in `metrics.json`."""
    named: dict[str, Scores] = {}
    for key, scores in run.sets.items():
        named[key] = scores.plain
        if scores.flipped is not None:
            named[f"{key}_tta"] = scores.flipped
    return named


def write_per_class(path: Path, runs: Sequence[EvaluatedRun]) -> None:
    """`per_class.csv`: a row for each run, set and emotion."""
    rows = []
    for run in runs:
        for key, scores in tables(run).items():
            for emotion, classes in scores.classes.items():
                row: dict[str, Any] = {"run": run.record.name, "set": key, "class": emotion, "support": classes.support}
                for name in ("precision", "recall", "f1"):
                    row |= _columns(name, getattr(classes, name))
                rows.append(row)
    _write_csv(path, rows)


def write_confusion(path: Path, scores: Scores) -> None:
    """`confusion_matrix.csv`: counts, a row for each true class."""
    rows = [
        {"true": emotion, **dict(zip(EMOTIONS, counts, strict=True))}
        for emotion, counts in zip(EMOTIONS, scores.confusion.tolist(), strict=True)
    ]
    _write_csv(path, rows)


def write_model_eval(path: Path, runs: Sequence[EvaluatedRun]) -> None:
    """`model_eval.csv`: a row for each run; columns a run has no number for are empty."""
    rows = []
    for run in runs:
        row: dict[str, Any] = {
            "run": run.record.name,
            "model": run.record.model,
            "seed": run.record.seed,
            "protocol": run.record.protocol,
            "num_parameters": run.num_parameters,
            "train_seconds": run.record.final.get("train_seconds"),
            "images_per_second": run.record.final.get("images_per_second"),
        }
        for key, scores in tables(run).items():
            row[f"{key}_n"] = len(scores.predictions)
            for metric in METRICS:
                row |= _columns(f"{key}_{metric}", scores.metrics[metric])
        rows.append(row)
    _write_csv(path, rows)


def _columns(name: str, estimate: Estimate) -> dict[str, Any]:
    numbers = estimate.as_dict()
    return {name: numbers["value"], f"{name}_low": numbers["low"], f"{name}_high": numbers["high"]}


def _write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Columns in the order in which the rows bring them; floats with six digits, a ten-thousandth of a point."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        cells = (row.get(name) for name in names)
        writer.writerow(f"{cell:.6f}" if isinstance(cell, float) else cell for cell in cells)
    write_atomic(path, buffer.getvalue())
