"""The numbers as files: CSV for spreadsheets, JSON for programs."""

import csv
import io
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from fer.common.cells import cell_of
from fer.common.files import write_atomic, write_json
from fer.metrics import METRICS
from fer.report.context import ReportContext
from fer.report.evaluation.evaluate import EvaluatedRun, Scores
from fer.report.page.figures import Palette
from fer.report.page.section import Chart
from fer.report.result import AnalysisResult
from fer.report.scores.figures import confusion_figure
from fer.report.scores.statements import optimism, statement

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write_metrics(
    path: Path, context: ReportContext, results: Mapping[str, AnalysisResult], notes: Sequence[str]
) -> None:
    """`metrics.json`: each set of the run shown in detail at the top, and of every run under `runs`.

    With test-time augmentation a set stands under `<set>_tta`; what an analysis measured stands under its name.
    """
    detail, options = context.run, context.options
    write_json(
        path,
        {
            "run": detail.record.name,
            "protocol": detail.record.protocol,
            "headline": detail.headline_key,
            "votes_share": detail.votes_share,
            "prior": detail.prior,
            **set_metrics(detail),
            "training_faces": None if detail.training is None else detail.training.as_dict(),
            "sets": {
                key: scores.evaluation_set.description + optimism(detail, key) for key, scores in detail.sets.items()
            },
            "interval": {
                "level": 0.95,
                "method": "Wilson score interval for accuracy, recall, precision and other shares (F1: of the Jaccard "
                "index, carried over); percentile bootstrap over faces for the others",
                "resamples": options.bootstrap,
                "seed": options.seed,
            },
            "notes": list(notes),
            **{name: found.metrics for name, found in results.items() if found.metrics},
            "runs": {
                run.record.name: {
                    "protocol": run.record.protocol,
                    "seed": run.record.seed,
                    "votes_share": run.votes_share,
                    **set_metrics(run),
                }
                for run in context.runs
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
        if scores.averaged is not None:
            named[f"{key}_tta"] = scores.averaged
    return named


def tta_title(run: EvaluatedRun, key: str) -> str | None:
    """What the test-time augmentation behind a key of `tables` is called; None where there is none."""
    views = run.sets[key.removesuffix("_tta")].views
    return views.title if views is not None and key.endswith("_tta") else None


def write_per_class(path: Path, runs: Sequence[EvaluatedRun]) -> None:
    """`per_class.csv`: a row for each run, set and emotion, then `accuracy`, `macro avg` and `weighted avg`.

    The last three are those of scikit-learn's `classification_report`: accuracy stands in the column `f1`.
    """
    rows = []
    for run in runs:
        for key, scores in tables(run).items():
            for emotion, classes in scores.classes.items():
                row: dict[str, Any] = {"run": run.record.name, "set": key, "class": emotion}
                row |= {"support": classes.support, "predicted": classes.called}
                for name in ("precision", "recall", "f1"):
                    row |= getattr(classes, name).as_columns(name)
                rows.append(row)
            for name, of in averages(scores).items():
                n = len(scores.predictions)
                rows.append({"run": run.record.name, "set": key, "class": name, "support": n, "predicted": n, **of})
    write_csv(path, rows)


def averages(scores: Scores) -> dict[str, dict[str, float | int | None]]:
    """The last rows of `classification_report`, with intervals where a metric has one: columns by row.

    `macro avg` is the plain mean over the emotions that occur in the labels or in the predictions, `weighted avg` that
    by support.
    """
    classes = [of for of in scores.classes.values() if of.support > 0 or of.called > 0]
    support = np.array([of.support for of in classes], dtype=np.float64)
    value = {name: np.array([getattr(of, name).value for of in classes]) for name in ("precision", "recall", "f1")}
    f1 = {"macro avg": scores.metrics["macro_f1"], "weighted avg": scores.metrics["weighted_f1"]}
    weights = {"macro avg": np.ones(len(classes)), "weighted avg": support}
    rows: dict[str, dict[str, float | int | None]] = {"accuracy": scores.metrics["accuracy"].as_columns("f1")}
    for name, weight in weights.items():
        means = {column: float(np.average(value[column], weights=weight)) for column in ("precision", "recall")}
        rows[name] = {**means, **f1[name].as_columns("f1")}
    return rows


def write_confusion(folder: Path, run: EvaluatedRun) -> None:
    """The headline's confusion matrix: `confusion_matrix.csv` (counts, a row for each true class) and two pictures."""
    counts = run.headline.plain.confusion
    rows = [
        {"true": emotion, **dict(zip(run.labels, row, strict=True))}
        for emotion, row in zip(run.labels, counts.tolist(), strict=True)
    ]
    write_csv(folder / "confusion_matrix.csv", rows)
    caption = statement(run, run.headline_key)
    for name, normalised in (("confusion_matrix", False), ("confusion_matrix_normalized", True)):
        chart = Chart(key=name, caption=caption, draw=partial(_confusion, counts, run.labels, normalised, caption))
        for kind in ("png", "svg"):
            write_atomic(folder / f"{name}.{kind}", chart.file(kind))


def _confusion(
    counts: npt.NDArray[np.int64], labels: tuple[str, ...], normalised: bool, caption: str, palette: Palette
) -> "Figure":
    return confusion_figure(counts, labels=labels, normalised=normalised, caption=caption, palette=palette)


def write_model_eval(path: Path, runs: Sequence[EvaluatedRun], results: Mapping[str, AnalysisResult]) -> None:
    """`model_eval.csv`, a row for each run, and 20 of its columns as `model_eval_short.csv`; no number is empty.

    What the columns mean: `fer.report.scores.tables.COLUMNS`.
    """
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
            "status": "finished" if len(run.record.final) > 0 else "interrupted",
            "epochs": len(run.record.epochs),
            "data_fingerprint": run.data.fingerprint,
            "headline": run.headline_key,
        }
        for key, scores in tables(run).items():
            row[f"{key}_n"] = len(scores.predictions)
            for metric in METRICS:
                row |= scores.metrics[metric].as_columns(f"{key}_{metric}")
        for found in results.values():
            row |= found.columns.get(run.record.name, {})
        rows.append(row)
    write_csv(path, rows)
    write_csv(path.with_name("model_eval_short.csv"), [_short(row) for row in rows])


def _short(row: Mapping[str, Any]) -> dict[str, Any]:
    """At most 20 columns of a row: what a run is, its headline scores, and what it costs."""
    key = row["headline"]
    columns = {
        **{name: name for name in ("run", "model", "seed", "protocol", "status", "epochs", "headline")},
        "n": f"{key}_n",
        **{name: f"{key}_{name}" for name in ("accuracy", "accuracy_low", "accuracy_high", "macro_f1", "nll", "ece")},
        "accuracy_tta": f"{key}_tta_accuracy",
        "accuracy_without_copies": "private_dedup_accuracy",
        "accuracy_public": "public_accuracy",
        "num_parameters": "num_parameters",
        "train_seconds": "train_seconds",
        "latency_ms": "latency_ms",
    }
    return {short: row.get(long) for short, long in columns.items()}


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """A CSV file of `csv_text`."""
    write_atomic(path, csv_text(rows))


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Columns in the order in which the rows bring them; floats with six digits, a ten-thousandth of a point."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        cells = ((name, row.get(name)) for name in names)
        writer.writerow(f"{cell:.6f}" if isinstance(cell, float) else _cell(name, cell) for name, cell in cells)
    return buffer.getvalue()


_NAMED: Final = ("id", "file", "run")
"""Columns with names that anybody may have given."""


def _cell(column: str, value: Any) -> Any:
    return cell_of(value) if column in _NAMED and isinstance(value, str) else value


COLUMNS: Final = MappingProxyType(
    {
        "run": "name of the run folder",
        "model": "the net's name",
        "seed": "training seed",
        "protocol": "which rows trained and which chose the epoch (data.protocol)",
        "num_parameters": "learned numbers of the net",
        "train_seconds": "wall seconds in training batches, validation left out; empty for an interrupted run",
        "images_per_second": "images trained on per second",
        "status": "finished, or interrupted: then every number is that of the unfinished model",
        "epochs": "epochs trained",
        "data_fingerprint": "names the content of the data that were scored on",
        "headline": "the set whose score stands on top of the page",
        "<set>_n": "faces of a set: private, private_dedup, public, folder7178 or heldout; with _tta the predictions "
        "to further views of the face are averaged in (mirrored, or as the option tta says)",
        "<set>_<metric>": "accuracy, balanced_accuracy, macro_f1, weighted_f1 and weighted_auc in [0, 1], nll in nats",
        "<set>_<metric>_low, _high": "its 95 % interval over faces (Wilson for accuracy, else bootstrap)",
        "comparison_group": "runs of one letter may be compared: one protocol, one data fingerprint, the same faces",
        "seed_group": "runs of one number differ by their seed alone; empty for a run without such a partner",
        "seed_group_n": "seeds in that group",
        "<set>_<metric>_seed_mean": "mean over the group's seeds",
        "<set>_<metric>_seed_deviation": "sample standard deviation over the group's seeds",
        "macs": "multiply-accumulates of one face: half of flops",
        "flops": "floating-point operations of one face; 1 multiply-accumulate counts as 2",
        "weight_megabytes": "weights as float32, 10^6 bytes",
        "latency_ms": "median milliseconds of one face, batch of one, one CPU thread, preprocessing included",
        "latency_p95_ms": "95th percentile of the same",
        "latency_repeats": "single faces timed",
        "faces_per_second": "throughput in batches of 256, median batch, preprocessing included",
        "threads": "CPU threads of the throughput",
        "timed_while_busy": "whether other programs kept the machine busy, so that these times are too long",
        "train_device": "device and precision of the training",
        "energy_kwh": "energy of the training as its manifest records it; empty where it was not measured",
        "co2_kg": "kilograms of CO2 equivalent, likewise",
    }
)
"""Meaning by column, or by a pattern of columns, in the order of the file; other analyses add columns of their own."""
