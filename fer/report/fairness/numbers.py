"""The fairness numbers as `metrics.json` holds them."""

from collections.abc import Callable, Sequence
from typing import Any

from fer.common.labels import EMOTIONS
from fer.metrics.fairness import GroupingScores
from fer.metrics.group_gaps import Gap
from fer.report.evaluation.evaluate import EvaluatedRun
from fer.report.fairness.group_file import MatchedGroups


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
        "interval": "95 %; of a group a percentile bootstrap stratified by group, of a gap simultaneous over all pairs "
        "of groups (bootstrap max-T)",
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
        "demographic_parity_difference": _worst_and_all(grouping.demographic_parity(), grouping.demographic_parity),
        "equalized_odds_difference": _worst_and_all(grouping.equalized_odds(), grouping.equalized_odds),
    }


def _worst_and_all(worst: Gap | None, of: Callable[[str], Gap | None]) -> dict[str, Any] | None:
    if worst is None:
        return None
    return {
        "worst_emotion": worst.emotion,
        **(_gap_metrics(worst) or {}),
        "by_emotion": {emotion: _gap_metrics(of(emotion)) for emotion in EMOTIONS},
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
