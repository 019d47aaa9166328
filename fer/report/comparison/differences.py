"""Which differences between runs are more than chance: McNemar's test and a paired interval for every pair."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any, Final

from fer.metrics.significance import Comparison, adjust, compare
from fer.report.comparison.figures import differences_figure
from fer.report.comparison.groups import ComparableRuns
from fer.report.comparison.wording import p_value, points
from fer.report.page.figure_style import Palette
from fer.report.page.section import Chart, Section
from fer.report.scores.evaluation import EvaluatedRun

ALPHA: Final = 0.05
"""Adjusted p-values below it count as significant."""


def compare_runs(groups: Sequence[ComparableRuns], *, resamples: int, seed: int) -> tuple[Comparison, ...]:
    """Every pair inside a group, each with its more accurate run first, corrected by Holm over all of them."""
    return adjust(
        [
            compare(tables[a], tables[b], names=(a, b), resamples=resamples, seed=seed)
            for tables in (_by_accuracy(group) for group in groups)
            for a, b in combinations(tables, 2)
        ]
    )


def differences_section(
    detail: EvaluatedRun, groups: Sequence[ComparableRuns], comparisons: Sequence[Comparison]
) -> Section:
    """The tests, with those of the run in detail on top; `comparisons` is not empty."""
    name = detail.record.name
    own = [_seen_from(name, one) for one in comparisons if name in (one.first, one.second)]
    shown = own if own else list(comparisons)
    several = [group for group in groups if len(group.runs) > 2]
    return Section(
        key="differences",
        title="Which differences are more than chance",
        template="comparison/differences.html.j2",
        context={
            "detail": name if own else None,
            "rows": [_row(one) for one in shown],
            "rest": [_row(one) for one in comparisons] if len(comparisons) > len(shown) else [],
            "family": len(comparisons),
            "significant": sum(one.adjusted_p < ALPHA for one in comparisons),
            "groups": [group.description for group in groups if len(group.runs) > 1],
            "refused": _refused(groups),
        },
        charts=tuple(_chart(group, comparisons, alone=len(several) == 1) for group in several),
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


def csv_rows(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with p-values as text, which keeps the digits of a small one."""
    return [row | {key: f"{row[key]:.4g}" for key in ("mcnemar_p", "holm_p")} for row in rows]


def _by_accuracy(group: ComparableRuns) -> dict[str, Any]:
    accuracy = {run.record.name: run.headline.plain.metrics["accuracy"].value for run in group.runs}
    tables = group.tables
    return {name: tables[name] for name in sorted(tables, key=lambda name: -accuracy[name])}


def _chart(group: ComparableRuns, comparisons: Sequence[Comparison], *, alone: bool) -> Chart:
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


def _row(one: Comparison) -> dict[str, Any]:
    significant = one.adjusted_p < ALPHA
    difference = one.difference
    return {
        "first": one.first,
        "second": one.second,
        "difference": points(difference.value),
        "interval": f"{points(difference.low)} to {points(difference.high)}",
        "sort": difference.value,
        "only_first": one.only_first,
        "only_second": one.only_second,
        "p": (p_value(one.p), one.p),
        "adjusted_p": (p_value(one.adjusted_p), one.adjusted_p),
        "significant": significant,
        "verdict": "none shown" if not significant else "better" if difference.value > 0 else "worse",
    }


def _refused(groups: Sequence[ComparableRuns]) -> int:
    """Pairs that are not tested because they stand in different groups."""
    sizes = [len(group.runs) for group in groups]
    total = sum(sizes)
    return (total * (total - 1) - sum(size * (size - 1) for size in sizes)) // 2
