"""Calibration and abstention: confidences before and after a temperature, and the threshold to abstain below."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from fer.metrics import Estimate
from fer.metrics.calibration import BINS
from fer.metrics.calibration_scores import CALIBRATION_METRICS, CalibrationScores
from fer.metrics.selective_scores import LEVELS, Selective
from fer.report.calibration.measurement import Measured, measure
from fer.report.calibration.section import (
    abstention_section,
    calibration_section,
    calibration_verdict,
    card_sentences,
)
from fer.report.context import ReportContext
from fer.report.result import AnalysisResult
from fer.report.scores.statements import protocol
from fer.report.scores.tables import csv_text


def analyse(context: ReportContext) -> AnalysisResult | None:
    """What is fitted on the faces that chose the epoch, measured on the headline set; None where it is off."""
    if not context.options.calibration.enabled:
        return None
    every = [measure(run, context.options) for run in context.runs]
    detail = next(measured for measured in every if measured.run is context.run)
    return AnalysisResult(
        sections=(calibration_section(detail, every), abstention_section(detail)),
        metrics=metrics_tree(detail, every),
        files=report_files(detail),
        columns=eval_columns(every),
        verdicts=(calibration_verdict(detail),),
        card=card_sentences(detail),
    )


def metrics_tree(detail: Measured, every: Sequence[Measured]) -> dict[str, Any]:
    """The numbers for `metrics.json`: of the run in detail, and under `runs` of each of several."""
    tree = _tree(detail)
    if len(every) > 1:
        tree["runs"] = {measured.run.record.name: _tree(measured) for measured in every}
    return tree


def report_files(detail: Measured) -> dict[str, str]:
    """`calibration/calibration.json` with temperature and threshold, and the tables behind the figures as CSV."""
    record, calibration = detail.run.record, detail.calibration
    chosen = {
        "run": record.name,
        "checkpoint": str(record.checkpoint.relative_to(record.folder.path)),
        "protocol": record.protocol,
        "calibration": None if calibration is None else calibration.as_dict(),
        "fitted_on": detail.fitted_on,
        "note": detail.reason,
    }
    curve = detail.curve.curve
    return {
        "calibration/calibration.json": json.dumps(chosen, indent=2, allow_nan=False) + "\n",
        "calibration/reliability.csv": csv_text(_reliability_rows(detail)),
        "calibration/risk_coverage.csv": csv_text(
            [
                {"threshold": threshold, "answered": accepted, "coverage": coverage, "risk": risk}
                for threshold, accepted, coverage, risk in zip(
                    curve.threshold.tolist(),
                    curve.accepted.tolist(),
                    curve.coverage.tolist(),
                    curve.risk.tolist(),
                    strict=True,
                )
            ]
        ),
        "calibration/risk_intervals.csv": csv_text(
            [
                {"coverage": coverage, "risk_low": low, "risk_high": high}
                for coverage, low, high in zip(
                    LEVELS, detail.curve.low.tolist(), detail.curve.high.tolist(), strict=True
                )
            ]
        ),
        "calibration/coverage_by_emotion.csv": csv_text(_emotion_rows(detail)),
    }


def eval_columns(every: Sequence[Measured]) -> dict[str, dict[str, Any]]:
    """What `model_eval.csv` gains: run -> column -> value."""
    return {measured.run.record.name: _columns(measured) for measured in every}


def _columns(measured: Measured) -> dict[str, Any]:
    key, calibration, whole = measured.run.headline_key, measured.calibration, measured.whole
    row: dict[str, Any] = {
        "temperature": None if calibration is None else calibration.temperature,
        "abstention_threshold": None if calibration is None else calibration.threshold,
    }
    after = measured.change.after
    for metric in CALIBRATION_METRICS:
        # The NLL before is a column of the scores.
        if metric != "nll":
            row |= measured.change.before.metrics[metric].as_columns(f"{key}_{metric}")
        if after is not None:
            row |= after.metrics[metric].as_columns(f"{key}_{metric}_calibrated")
    row |= measured.curve.area.as_columns(f"{key}_aurc")
    if whole is not None:
        row |= whole.coverage.as_columns(f"{key}_coverage")
        row |= whole.selective_accuracy.as_columns(f"{key}_selective_accuracy")
    return row


def _tree(measured: Measured) -> dict[str, Any]:
    run, calibration, change = measured.run, measured.calibration, measured.change
    return {
        "set": run.headline_key,
        "split": run.headline.evaluation_set.title,
        "protocol": protocol(run),
        "tta": False,
        "n": len(measured.predictions),
        "bins": BINS,
        "interval_of_ece": "from the lower end of the basic interval, or 0 where chance explains the value, to the "
        "upper end of the percentile interval",
        "fitted": None if calibration is None else calibration.as_dict(),
        "fitted_on": measured.fitted_on,
        "temperature": None if measured.temperature is None else measured.temperature.as_dict(),
        "before": _scores(change.before),
        "after": None if change.after is None else _scores(change.after),
        "change": None if change.change is None else _estimates(change.change),
        "aurc": measured.curve.area.as_dict(),
        "abstention_by": "predicted emotion",
        "abstention": None
        if measured.whole is None or measured.classes is None
        else {
            **_selective(measured.whole),
            "classes": {name: _selective(each) for name, each in measured.classes.items()},
        },
    }


def _scores(scores: CalibrationScores) -> dict[str, Any]:
    return {**_estimates(scores.metrics), "by_chance": dict(scores.chance)}


def _estimates(estimates: Mapping[str, Estimate]) -> dict[str, Any]:
    return {key: estimate.as_dict() for key, estimate in estimates.items()}


def _selective(selective: Selective) -> dict[str, Any]:
    return {
        "support": selective.support,
        "answered": selective.accepted,
        "coverage": selective.coverage.as_dict(),
        "accuracy": selective.accuracy.as_dict(),
        "selective_accuracy": selective.selective_accuracy.as_dict(),
    }


def _reliability_rows(measured: Measured) -> list[dict[str, Any]]:
    """A row for each bin, before and after; the means of an empty bin are left out."""
    after = () if measured.bins_after is None else measured.bins_after
    rows = []
    for when, bins in (("before", measured.bins_before), ("after", after)):
        for each in bins:
            row: dict[str, Any] = {"when": when, "lower": each.lower, "upper": each.upper, "n": each.n}
            for name in ("confidence", "accuracy", "low", "high"):
                column = f"accuracy_{name}" if name in ("low", "high") else name
                row[column] = getattr(each, name) if each.n > 0 else None
            rows.append(row)
    return rows


def _emotion_rows(measured: Measured) -> list[dict[str, Any]]:
    if measured.whole is None or measured.classes is None:
        return []
    rows = []
    for name, each in (("all", measured.whole), *measured.classes.items()):
        row: dict[str, Any] = {"predicted": name, "support": each.support, "answered": each.accepted}
        for key in ("coverage", "accuracy", "selective_accuracy"):
            row |= getattr(each, key).as_columns(key)
        rows.append(row)
    return rows
