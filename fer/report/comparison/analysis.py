"""Several runs side by side."""

from collections.abc import Sequence
from typing import Any

from fer.common.wording import duration
from fer.metrics import METRICS
from fer.report.comparison.differences import (
    compare_runs,
    compare_seed_groups,
    comparison_rows,
    csv_rows,
    differences_section,
    recipe_row,
)
from fer.report.comparison.figures import comparison_figure, runs_figure
from fer.report.comparison.groups import ComparableRuns, comparable_groups
from fer.report.context import ReportContext
from fer.report.evaluation.evaluate import EvaluatedRun
from fer.report.evaluation.sets import SET_TITLES
from fer.report.page.section import Chart, Section, cell
from fer.report.page.wording import parameters
from fer.report.result import AnalysisResult
from fer.report.scores.statements import set_title
from fer.report.scores.tables import csv_text, tables, tta_title
from fer.report.seeds.measurement import seed_groups


def analyse(context: ReportContext) -> AnalysisResult | None:
    """The comparison; None for a single run."""
    if len(context.runs) < 2:
        return None
    groups = comparable_groups(context.runs)
    sections = [comparison_section(context.run, context.runs, groups)]
    resamples, seed = context.options.bootstrap, context.options.seed
    comparisons = compare_runs(groups, resamples=resamples, seed=seed)
    recipes = compare_seed_groups(groups)
    rows, recipe_rows = comparison_rows(groups, comparisons), [recipe_row(one) for one in recipes]
    files = {}
    if len(comparisons) > 0 or len(recipes) > 0:
        sections.append(differences_section(context.run, groups, comparisons, recipes))
    if len(comparisons) > 0:
        files["significance.csv"] = csv_text(csv_rows(rows, ("mcnemar_p", "holm_p")))
    if len(recipes) > 0:
        files["recipe_significance.csv"] = csv_text(csv_rows(recipe_rows, ("p", "holm_p")))
    return AnalysisResult(
        sections=tuple(sections),
        metrics={
            "groups": [
                {"name": group.name, "what": group.description, "runs": [run.record.name for run in group.runs]}
                for group in groups
            ],
            "pairs": rows,
            "recipes": recipe_rows,
        },
        files=files,
        columns={run.record.name: {"comparison_group": group.name} for group in groups for run in group.runs},
    )


def comparison_section(detail: EvaluatedRun, runs: Sequence[EvaluatedRun], groups: Sequence[ComparableRuns]) -> Section:
    """Accuracy and macro F1 of each run, every metric below, with what keeps runs from being compared."""
    key = detail.headline_key
    title = detail.headline.evaluation_set.title
    accuracies = {run.record.name: run.sets[key].plain.metrics["accuracy"] for run in runs if key in run.sets}
    of_group = {run.record.name: group.name for group in groups for run in group.runs}
    return Section(
        key="comparison",
        title=f"Comparison of {len(runs)} runs",
        template="comparison/section.html.j2",
        context={
            "rows": [_row(run, key, of_group, is_detail=run is detail) for run in runs],
            "others": [name for name in ("private", "public", "folder7178") if name != key and _anyone(runs, name)],
            "all": [row for run in runs for row in _metric_rows(run)],
            "titles": {name: _common_title(name, runs) for name in SET_TITLES},
            "metrics": list(METRICS.values()),
            "title": title,
            "views": detail.headline.views,
            "groups": [(group.name, group.description, len(group.runs)) for group in groups] if len(groups) > 1 else [],
            "cautions": _cautions(runs),
            "detail": detail.record.name,
            "n": f"{len(detail.headline.plain.predictions):,}",
            "reason": "the run with the highest PublicTest accuracy; choosing it by PrivateTest would make its score "
            "optimistic"
            if all("public" in run.sets for run in runs)
            else "the first run named",
        },
        charts=(
            Chart(
                key="runs-accuracy",
                caption=f"{title} accuracy of each run with its 95 % interval, no test-time augmentation; the numbers "
                "are in the table. Whether two runs differ is told by the paired tests, not by whether these "
                "intervals overlap.",
                draw=lambda palette: comparison_figure(accuracies, label=f"{title} accuracy", palette=palette),
            ),
            *_curves(runs),
        ),
    )


def _row(run: EvaluatedRun, key: str, of_group: dict[str, str], *, is_detail: bool) -> dict[str, Any]:
    scores, clean = run.sets.get(key), run.sets.get("private_dedup")
    plain = None if scores is None else scores.plain.metrics
    averaged = None if scores is None or scores.averaged is None else scores.averaged.metrics
    seconds = run.record.final.get("train_seconds")
    return {
        "name": run.record.name,
        "group": of_group[run.record.name],
        "model": run.record.model,
        "seed": run.record.seed,
        "protocol": run.record.protocol,
        "finished": len(run.record.final) > 0,
        "parameters": (parameters(run.num_parameters), run.num_parameters),
        "seconds": (duration(seconds), "" if seconds is None else seconds),
        "accuracy": None if plain is None else cell("accuracy", plain["accuracy"]),
        "averaged": None if averaged is None else cell("accuracy", averaged["accuracy"]),
        "macro_f1": None if plain is None else cell("macro_f1", plain["macro_f1"]),
        "clean": None if clean is None else cell("accuracy", clean.plain.metrics["accuracy"]),
        "others": {
            name: cell("accuracy", found.plain.metrics["accuracy"])
            for name, found in run.sets.items()
            if name in ("private", "public", "folder7178")
        },
        "is_detail": is_detail,
    }


def _metric_rows(run: EvaluatedRun) -> list[dict[str, Any]]:
    """A row for each set of a run, alone and with test-time augmentation, with every metric."""
    return [
        {
            "name": run.record.name,
            "set": set_title(run, key),
            "tta": tta_title(run, key),
            "n": len(scores.predictions),
            "cells": [cell(metric, scores.metrics[metric]) for metric in METRICS],
        }
        for key, scores in tables(run).items()
    ]


def _common_title(key: str, runs: Sequence[EvaluatedRun]) -> str:
    """A set's name for a column; that it chose the epoch is said where it did of every run."""
    told = {set_title(run, key) for run in runs if key in run.sets}
    return told.pop() if len(told) == 1 else SET_TITLES[key]


def _anyone(runs: Sequence[EvaluatedRun], key: str) -> bool:
    return any(key in run.sets for run in runs)


def _curves(runs: Sequence[EvaluatedRun]) -> list[Chart]:
    """Selection accuracy by epoch and by time, of the runs that recorded them."""
    epochs_of = {run.record.name: run.record.epochs for run in runs if len(run.record.epochs) > 0}
    timed = {name: epochs for name, epochs in epochs_of.items() if all("seconds" in epoch for epoch in epochs)}
    charts = []
    if len(epochs_of) > 0:
        charts.append(
            Chart(
                key="runs-curves",
                caption="Accuracy on the selection faces by epoch.",
                draw=lambda palette: runs_figure(epochs_of, by="epoch", palette=palette),
            )
        )
    if len(timed) > 0:
        charts.append(
            Chart(
                key="runs-curves-time",
                caption="Accuracy on the selection faces by time spent in training batches (validation left out), each "
                "run on the machine that trained it.",
                draw=lambda palette: runs_figure(timed, by="seconds", palette=palette),
            )
        )
    return charts


def _cautions(runs: Sequence[EvaluatedRun]) -> list[str]:
    cautions = []
    if len({run.record.protocol for run in runs}) > 1:
        cautions.append(
            "These runs follow different protocols: their selection scores, and what they trained on, differ."
        )
    if len({run.data.fingerprint for run in runs}) > 1:
        cautions.append("These runs are scored on different data (see the fingerprints): their numbers do not compare.")
    if len(seed_groups(runs)) > 0:
        cautions.append(
            "Some of these runs are seeds of one recipe. They are not tested against each other: which got luckier "
            "says nothing of the next one."
        )
    unfinished = [run.record.name for run in runs if len(run.record.final) == 0]
    if unfinished:
        cautions.append(
            f"Not finished, so below what the recipe reaches: {', '.join(unfinished)}. A test against an unfinished "
            "model says nothing about the finished one."
        )
    return cautions
