"""Gaps between groups in plain words, made from the numbers."""

from collections.abc import Sequence

from fer.metrics import Estimate
from fer.metrics.fairness import GroupingScores
from fer.metrics.group_gaps import Gap
from fer.report.page.wording import percent

_YES, _NO = ("yes", "true", "1", "with"), ("no", "false", "0", "without")


def group_phrase(grouping: str, group: str) -> str:
    """A group in a sentence: "with glasses", "without glasses", "with skin tone “monk01-02”"."""
    name = grouping.replace("_", " ")
    if group.lower() in _YES:
        return f"with {name}"
    if group.lower() in _NO:
        return f"without {name}"
    return f"with {name} “{group}”"


def gap_sentence(grouping: str, gap: Gap) -> str:
    """What one gap says, with both rates and the interval of their difference."""
    low, high = group_phrase(grouping, gap.low_group), group_phrase(grouping, gap.high_group)
    by = points(gap.difference.value)
    if gap.measure == "accuracy":
        first, said = gap.low, f"{_capital(low)} the model is right for {by} points fewer faces than {high}"
    elif gap.measure == "recall":
        first, said = (
            gap.low,
            (
                f"{_capital(low)} the model finds “{gap.emotion}” in {by} points fewer of the faces with this label "
                f"than {high}"
            ),
        )
    elif gap.measure == "false_positive_rate":
        first, said = (
            gap.high,
            (
                f"{_capital(high)} the model takes {by} points more of the faces of other emotions for “{gap.emotion}” "
                f"than {low}"
            ),
        )
    else:
        first, said = (
            gap.high,
            (
                f"{_capital(high)} the model answers “{gap.emotion}” for {by} points more faces, whatever their label, "
                f"than {low}"
            ),
        )
    second = gap.high if first is gap.low else gap.low
    return (
        f"{said}: {_rate(first)} against {_rate(second)} (95 % interval of the difference "
        f"{points(gap.difference.low)} to {points(gap.difference.high)} points)."
    )


def nothing_shown(scores: Sequence[GroupingScores]) -> list[str]:
    """A sentence for each grouping in which neither accuracy nor any recall differs beyond chance.

    It says how large a difference the data leave possible: absence of evidence is no evidence of absence.
    """
    sentences = []
    for grouping in scores:
        gap = grouping.gap("accuracy")
        name = grouping.name.replace("_", " ")
        if gap is None:
            sentences.append(f"Groups by {name} could not be compared: fewer than two of them have enough faces.")
        elif not any(other.significant for other in grouping.gaps if other.measure in ("accuracy", "recall")):
            sentences.append(
                f"Between groups by {name} no difference of accuracy or of the share of an emotion that is found could "
                "be shown. That is no proof that there is none: differences of accuracy up to "
                f"{points(gap.difference.high)} points fit these faces."
            )
    return sentences


def warnings(scores: Sequence[GroupingScores], *, corrected: bool) -> list[str]:
    """Sentences for gaps whose interval leaves out 0, the surest first: every one of accuracy and recall, then of each
    grouping the widest of how often an emotion is answered.

    Args:
        scores: of every grouping.
        corrected: those that still leave out 0 after correction for all comparisons, or those that no longer do.
    """
    scored, answered = [], []
    for grouping in scores:
        found = [gap for gap in grouping.gaps if gap.significant and gap.corrected is corrected]
        scored += [(grouping.name, gap) for gap in found if gap.measure in ("accuracy", "recall")]
        rates = [gap for gap in found if gap.measure == "selection_rate"]
        answered += [(grouping.name, max(rates, key=lambda gap: gap.difference.low))] if rates else []
    surest_first = [
        *sorted(scored, key=lambda item: -item[1].difference.low),
        *sorted(answered, key=lambda item: -item[1].difference.low),
    ]
    return [gap_sentence(grouping, gap) for grouping, gap in surest_first]


def points(share: float) -> str:
    """A difference of shares in percentage points: 0.0823 -> "8.2"."""
    return f"{100 * share:.1f}".replace("-", "\N{MINUS SIGN}")


def _rate(estimate: Estimate) -> str:
    return f"{percent(estimate.value)} of {estimate.n:,}"


def _capital(phrase: str) -> str:
    return phrase[0].upper() + phrase[1:]
