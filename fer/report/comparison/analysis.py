"""Several runs side by side, and which of their differences are significant: McNemar's test for every pair."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any, Final

from fer.common.wording import duration
from fer.metrics import METRICS
from fer.metrics.significance import (
    Comparison,
    RecipeComparison,
    adjust,
    adjust_recipes,
    compare,
    compare_recipes,
)
from fer.report.comparison.figures import comparison_figure, differences_figure, runs_figure
from fer.report.comparison.groups import ComparableRuns, comparable_groups
from fer.report.context import ReportContext
from fer.report.evaluation.evaluate import EvaluatedRun
from fer.report.evaluation.sets import SET_TITLES
from fer.report.page.figures import Palette
from fer.report.page.section import Chart, Section, cell
from fer.report.page.wording import half_width, p_value, parameters, points
from fer.report.result import AnalysisResult
from fer.report.scores.statements import set_title
from fer.report.scores.tables import csv_text, tables, tta_title
from fer.report.seeds.measurement import SeedGroup, seed_groups


def analyse(context: ReportContext) -> AnalysisResult | None:
    """The comparison; None for a single run."""
    if len(context.runs) < 2:
        return None
    groups = comparable_groups(context.runs)
    sections = [comparison_section(context.run, context.runs, groups)]
    resamples, seed = context.options.bootstrap, context.options.seed
    comparisons = compare_runs(groups, resamples=resamples, seed=seed)
    recipes = compare_seed_groups(groups)
    rows, recipe_rows = comparison_rows(groups, comparisons), [_recipe_row(one) for one in recipes]
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


ALPHA: Final = 0.05
"""Adjusted p-values below it count as significant."""


def compare_runs(groups: Sequence[ComparableRuns], *, resamples: int, seed: int) -> tuple[Comparison, ...]:
    """The pairs inside a group, each with its more accurate run first, corrected by Holm over all of them.

    Seeds of one recipe are no rivals, and those of two recipes are compared as recipes, by `compare_seed_groups`: in
    this family each would only cost the others.
    """
    return adjust(
        [
            compare(tables[a], tables[b], names=(a, b), resamples=resamples, seed=seed)
            for group in groups
            for tables, recipe_of in ((_by_accuracy(group), _recipe_of(group)),)
            for a, b in combinations(tables, 2)
            if a not in recipe_of or b not in recipe_of
        ]
    )


def compare_seed_groups(groups: Sequence[ComparableRuns]) -> tuple[RecipeComparison, ...]:
    """Every two recipes of several seeds inside a group, the more accurate first, corrected by Holm over them."""
    return adjust_recipes(
        [
            compare_recipes(
                [group.tables[run.record.name] for run in one.runs],
                [group.tables[run.record.name] for run in other.runs],
                names=(_recipe_name(one), _recipe_name(other)),
            )
            for group in groups
            # One face has no spread.
            if len(group.runs[0].headline.plain.predictions) > 1
            for one, other in combinations(sorted(seed_groups(group.runs), key=_mean_accuracy, reverse=True), 2)
        ]
    )


def _mean_accuracy(group: SeedGroup) -> float:
    return sum(run.headline.plain.metrics["accuracy"].value for run in group.runs) / len(group.runs)


def _recipe_name(group: SeedGroup) -> str:
    return f"{group.runs[0].record.model} ({', '.join(run.record.name for run in group.runs)})"


def _recipe_of(group: ComparableRuns) -> dict[str, str]:
    """Run -> name of its recipe, for the runs of recipes with several seeds."""
    return {run.record.name: recipe.name for recipe in seed_groups(group.runs) for run in recipe.runs}


def _recipe_row(one: RecipeComparison) -> dict[str, Any]:
    """A plain row for `recipe_significance.csv` and `metrics.json`."""
    return {
        "recipe_a": one.first,
        "recipe_b": one.second,
        "seeds_a": one.seeds[0],
        "seeds_b": one.seeds[1],
        "n": one.difference.n,
        "accuracy_difference": one.difference.value,
        "accuracy_difference_low": one.difference.low,
        "accuracy_difference_high": one.difference.high,
        "p": one.p,
        "holm_p": one.adjusted_p,
    }


def differences_section(
    detail: EvaluatedRun,
    groups: Sequence[ComparableRuns],
    comparisons: Sequence[Comparison],
    recipes: Sequence[RecipeComparison],
) -> Section:
    """The tests, with those of the run in detail on top; one of the two kinds is not empty."""
    name = detail.record.name
    own = [_seen_from(name, one) for one in comparisons if name in (one.first, one.second)]
    shown = own if own else list(comparisons)
    # A matrix needs every pair: with recipes of several seeds some are not tested.
    several = [group for group in groups if len(group.runs) > 2 and not _recipe_of(group)]
    accuracy, widest = detail.headline.plain.metrics["accuracy"], max(map(_width, shown), default=1.0)
    return Section(
        key="differences",
        title="Which differences are more than chance",
        template="comparison/differences.html.j2",
        context={
            "detail": name if own else None,
            "rows": [_difference_row(one) for one in shown],
            "rest": [_difference_row(one) for one in comparisons] if len(comparisons) > len(shown) else [],
            "family": len(comparisons),
            "recipes": [_recipe_cells(one) for one in recipes],
            "seeds_skipped": any(_recipe_of(group) for group in groups),
            "single": half_width(accuracy),
            # Models of little in common differ by wider intervals than that of one score.
            "paired": f"{50 * widest:.1f}" if widest < accuracy.high - accuracy.low else None,
            "significant": sum(one.adjusted_p < ALPHA for one in comparisons),
            "groups": [group.description for group in groups if len(group.runs) > 1],
            "refused": _refused(groups),
        },
        charts=tuple(_differences_chart(group, comparisons, alone=len(several) == 1) for group in several),
    )


def comparison_rows(groups: Sequence[ComparableRuns], comparisons: Sequence[Comparison]) -> list[dict[str, Any]]:
    """Plain rows for `significance.csv` and `metrics.json`; differences are shares, not points."""
    group_name = {run.record.name: group for group in groups for run in group.runs}
    return [
        {
            "run_a": one.first,
            "run_b": one.second,
            "set": group_name[one.first].runs[0].headline_key,
            "n": one.difference.n,
            "accuracy_difference": one.difference.value,
            "accuracy_difference_low": one.difference.low,
            "accuracy_difference_high": one.difference.high,
            "only_a_right": one.only_first,
            "only_b_right": one.only_second,
            "mcnemar_p": one.p,
            "holm_p": one.adjusted_p,
        }
        for one in comparisons
    ]


def csv_rows(rows: Sequence[dict[str, Any]], keys: Sequence[str]) -> list[dict[str, Any]]:
    """The rows with the p-values at `keys` as text, which keeps the digits of a small one."""
    return [row | {key: f"{row[key]:.4g}" for key in keys} for row in rows]


def _by_accuracy(group: ComparableRuns) -> dict[str, Any]:
    accuracy = {run.record.name: run.headline.plain.metrics["accuracy"].value for run in group.runs}
    tables = group.tables
    return {name: tables[name] for name in sorted(tables, key=lambda name: -accuracy[name])}


def _differences_chart(group: ComparableRuns, comparisons: Sequence[Comparison], *, alone: bool) -> Chart:
    names = list(_by_accuracy(group))
    pairs = [one for one in comparisons if one.first in names]

    def draw(palette: Palette) -> Any:
        return differences_figure(pairs, names=names, alpha=ALPHA, palette=palette)

    return Chart(
        key="differences" if alone else f"differences-{group.name.lower()}",
        caption="Accuracy of the row's run minus that of the column's, in points, most accurate run first. Coloured "
        f"and bold: significant after Holm's correction (p < {ALPHA:g}); {group.description}.",
        draw=draw,
    )


def _seen_from(name: str, one: Comparison) -> Comparison:
    """The comparison as another run minus `name`."""
    if one.second == name:
        return one
    value, low, high = -one.difference.value, -one.difference.high, -one.difference.low
    return replace(
        one,
        first=one.second,
        second=one.first,
        difference=replace(one.difference, value=value, low=low, high=high),
        only_first=one.only_second,
        only_second=one.only_first,
    )


def _difference_row(one: Comparison) -> dict[str, Any]:
    significant = one.adjusted_p < ALPHA
    difference = one.difference
    return {
        "first": one.first,
        "second": one.second,
        "difference": points(difference.value, plus=True),
        "interval": f"{points(difference.low, plus=True)} to {points(difference.high, plus=True)}",
        "sort": difference.value,
        "only_first": one.only_first,
        "only_second": one.only_second,
        "p": (p_value(one.p), one.p),
        "adjusted_p": (p_value(one.adjusted_p), one.adjusted_p),
        "significant": significant,
        "verdict": "none shown" if not significant else "better" if difference.value > 0 else "worse",
    }


def _width(one: Comparison) -> float:
    return one.difference.high - one.difference.low


def _recipe_cells(one: RecipeComparison) -> dict[str, Any]:
    significant = one.adjusted_p < ALPHA
    return {
        "first": one.first,
        "second": one.second,
        "seeds": f"{one.seeds[0]} and {one.seeds[1]}",
        "difference": points(one.difference.value, plus=True),
        "interval": f"{points(one.difference.low, plus=True)} to {points(one.difference.high, plus=True)}",
        "sort": one.difference.value,
        "p": (p_value(one.adjusted_p), one.adjusted_p),
        "verdict": "better" if significant else "none shown",
        "significant": significant,
    }


def _refused(groups: Sequence[ComparableRuns]) -> int:
    """Pairs that are not tested because they stand in different groups."""
    sizes = [len(group.runs) for group in groups]
    total = sum(sizes)
    return (total * (total - 1) - sum(size * (size - 1) for size in sizes)) // 2
