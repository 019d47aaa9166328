"""Which differences between runs, and between recipes of several seeds, are significant."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any, Final

from fer.metrics.significance import (
    Comparison,
    RecipeComparison,
    adjust,
    adjust_recipes,
    compare,
    compare_recipes,
)
from fer.report.comparison.figures import differences_figure
from fer.report.comparison.groups import ComparableRuns
from fer.report.evaluation.evaluate import EvaluatedRun
from fer.report.page.figures import Palette
from fer.report.page.section import Chart, Section
from fer.report.page.wording import half_width, p_value, points
from fer.report.seeds.measurement import SeedGroup, seed_groups

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


def recipe_row(one: RecipeComparison) -> dict[str, Any]:
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
