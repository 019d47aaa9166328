"""The fairness numbers: rows of the page's tables and of the CSV files, and what `metrics.json` holds."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fer.metrics import Estimate
from fer.metrics.fairness import GroupingScores
from fer.metrics.group_gaps import Gap
from fer.metrics.group_rates import GroupScores
from fer.report.evaluation.evaluate import EvaluatedRun
from fer.report.fairness.group_file import MatchedGroups
from fer.report.page.section import cell
from fer.report.page.wording import NBSP, interval, number, points


def group_cells(grouping: str, group: GroupScores) -> dict[str, Any]:
    """A table row for a group; a score over too few faces is None."""

    def of(estimate: Estimate | None) -> Any:
        return None if estimate is None else cell("accuracy", estimate)

    return {
        "grouping": grouping.replace("_", " "),
        "group": group.group,
        "n": group.n,
        "scores": [of(group.accuracy), of(group.balanced_accuracy), *map(of, group.recall.values())],
        "selected": [of(rate) for rate in group.selection_rate.values()],
    }


def labels_of(grouping: GroupingScores) -> tuple[str, ...]:
    """The labels that its groups are compared by."""
    return tuple(grouping.groups[0].recall) if grouping.groups else ()


def gap_cells(grouping: GroupingScores) -> list[dict[str, Any]]:
    """The four summary gaps of a grouping as table rows."""
    accuracy, parity, odds = grouping.gap("accuracy"), grouping.demographic_parity(), grouping.equalized_odds()
    rows = []
    if accuracy is not None:
        rows.append(_gap_row(grouping.name, "accuracy difference", accuracy))
        ratio = accuracy.ratio
        rows.append(
            {
                **_gap_row(grouping.name, "accuracy ratio", accuracy),
                "value": number("ratio", ratio.value),
                "interval": interval("ratio", ratio),
                "sort": ratio.value,
            }
        )
    if parity is not None:
        rows.append(_gap_row(grouping.name, f"demographic parity, worst: {parity.emotion}", parity))
    if odds is not None:
        which = "recall" if odds.measure == "recall" else "false positives"
        rows.append(_gap_row(grouping.name, f"equalised odds, worst: {odds.emotion} ({which})", odds))
    return rows


def _gap_row(grouping: str, name: str, gap: Gap) -> dict[str, Any]:
    return {
        "grouping": grouping.replace("_", " "),
        "name": name,
        "value": f"{points(gap.difference.value)}{NBSP}points",
        "interval": f"{points(gap.difference.low)} to {points(gap.difference.high)}",
        "sort": gap.difference.value,
        "between": f"{gap.low_group} ({gap.low.n:,}) and {gap.high_group} ({gap.high.n:,})",
        "verdict": "shown" if gap.corrected else "may be chance" if gap.significant else "not shown",
    }


def emotion_cells(grouping: GroupingScores) -> list[dict[str, Any]]:
    """The demographic-parity and equalised-odds difference of each emotion as table rows."""
    rows = []
    for emotion in labels_of(grouping):
        for name, gap in (
            ("demographic parity", grouping.demographic_parity(emotion)),
            ("equalised odds", grouping.equalized_odds(emotion)),
        ):
            if gap is not None:
                rows.append({**_gap_row(grouping.name, name, gap), "emotion": emotion})
    return rows


def group_rows(scores: Sequence[GroupingScores]) -> list[dict[str, Any]]:
    """`fairness.csv`: a row for each group and rate; empty numbers where there are too few faces."""
    rows = []
    for grouping in scores:
        for group in grouping.groups:
            rates = [
                ("accuracy", "", group.accuracy),
                ("balanced_accuracy", "", group.balanced_accuracy),
                *(("recall", emotion, rate) for emotion, rate in group.recall.items()),
                *(("false_positive_rate", emotion, rate) for emotion, rate in group.false_positive_rate.items()),
                *(("selection_rate", emotion, rate) for emotion, rate in group.selection_rate.items()),
            ]
            for measure, emotion, estimate in rates:
                numbers = {} if estimate is None else estimate.as_dict()
                rows.append(
                    {
                        "grouping": grouping.name,
                        "group": group.group,
                        "group_faces": group.n,
                        "measure": measure,
                        "emotion": emotion,
                        "value": numbers.get("value"),
                        "low": numbers.get("low"),
                        "high": numbers.get("high"),
                        "faces": numbers.get("n"),
                        "too_few": estimate is None,
                    }
                )
    return rows


def gap_rows(scores: Sequence[GroupingScores]) -> list[dict[str, Any]]:
    """`fairness_gaps.csv`: a row for each grouping and rate."""
    return [
        {
            "grouping": grouping.name,
            "measure": gap.measure,
            "emotion": gap.emotion or "",
            "low_group": gap.low_group,
            "low_rate": gap.low.value,
            "low_faces": gap.low.n,
            "high_group": gap.high_group,
            "high_rate": gap.high.value,
            "high_faces": gap.high.n,
            "difference": gap.difference.value,
            "difference_low": gap.difference.low,
            "difference_high": gap.difference.high,
            "ratio": gap.ratio.value if np.isfinite(gap.ratio.value) else None,
            "leaves_out_0": gap.significant,
            "leaves_out_0_after_correction": gap.corrected,
        }
        for grouping in scores
        for gap in grouping.gaps
    ]


def fairness_metrics(
    run: EvaluatedRun, scores: Sequence[GroupingScores], *, matched: MatchedGroups | None, min_group: int
) -> dict[str, Any]:
    """Every grouping's scores and gaps, plain types; `matched` says how a CSV of groups met the faces."""
    gaps = [gap for grouping in scores for gap in grouping.gaps]
    return {
        "measured": True,
        "set": run.headline_key,
        "protocol": run.record.protocol,
        "n": len(run.headline.plain.predictions),
        "min_group": min_group,
        "interval": "95 %; of a group's rates Wilson's, of its balanced accuracy a percentile bootstrap within the "
        "group, of a gap simultaneous over all pairs of groups (bootstrap max-T)",
        "matching": None
        if matched is None
        else {
            "matched": matched.by_id + matched.by_name,
            "by_id": matched.by_id,
            "by_name": matched.by_name,
            "unmatched": matched.unmatched,
            "ambiguous": matched.ambiguous,
            "rows_of_no_face": matched.stray_rows,
        },
        "comparisons": sum(grouping.comparisons for grouping in scores),
        "gaps": len(gaps),
        "gaps_leaving_out_0": sum(gap.significant for gap in gaps),
        "gaps_leaving_out_0_after_correction": sum(gap.corrected for gap in gaps),
        "groupings": {grouping.name: _grouping_metrics(grouping) for grouping in scores},
    }


def _grouping_metrics(grouping: GroupingScores) -> dict[str, Any]:
    accuracy = grouping.gap("accuracy")
    return {
        "n": grouping.n,
        "unknown": grouping.unknown,
        "groups": {
            group.group: {
                "n": group.n,
                "too_few": group.too_few,
                "accuracy": None if group.accuracy is None else group.accuracy.as_dict(),
                "balanced_accuracy": None if group.balanced_accuracy is None else group.balanced_accuracy.as_dict(),
            }
            for group in grouping.groups
        },
        "accuracy_difference": _gap_metrics(accuracy),
        "accuracy_ratio": None if accuracy is None else accuracy.ratio.as_dict(),
        "demographic_parity_difference": _worst_and_all(grouping, grouping.demographic_parity),
        "equalized_odds_difference": _worst_and_all(grouping, grouping.equalized_odds),
    }


def _worst_and_all(grouping: GroupingScores, of: Callable[[str | None], Gap | None]) -> dict[str, Any] | None:
    worst = of(None)
    if worst is None:
        return None
    return {
        "worst_emotion": worst.emotion,
        **(_gap_metrics(worst) or {}),
        "by_emotion": {emotion: _gap_metrics(of(emotion)) for emotion in labels_of(grouping)},
    }


def _gap_metrics(gap: Gap | None) -> dict[str, Any] | None:
    if gap is None:
        return None
    return {
        **gap.difference.as_dict(),
        "measure": gap.measure,
        "low_group": gap.low_group,
        "high_group": gap.high_group,
        "leaves_out_0": gap.significant,
        "leaves_out_0_after_correction": gap.corrected,
    }
