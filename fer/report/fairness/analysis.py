"""How the scores differ between groups of faces."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fer.common.errors import ConfigError, nearest
from fer.metrics import Estimate
from fer.metrics.fairness import UNKNOWN, GroupingScores, accuracy_differences, score_groupings
from fer.metrics.group_gaps import Gap
from fer.report.context import ReportContext
from fer.report.evaluation.evaluate import EvaluatedRun
from fer.report.fairness.figures import accuracy_figure, recall_gap_figure
from fer.report.fairness.group_file import MatchedGroups, match_groups, read_groups
from fer.report.fairness.tables import emotion_cells, fairness_metrics, gap_cells, gap_rows, group_cells, group_rows
from fer.report.page.section import Chart, Section, cell
from fer.report.page.wording import percent, points
from fer.report.result import AnalysisResult, Judgement, Verdict
from fer.report.scores.statements import is_synthetic, protocol
from fer.report.scores.tables import csv_text

SHOWN_WARNINGS = 8
"""Sentences of a kind on the page; the tables and files hold the others."""

_ABSENT = (
    "Fairness was not measured: this data set does not say to which groups (of age, sex, skin tone, with glasses) its "
    "faces belong, and none were given. The score may differ between groups of people by any amount."
)
_HOW = (
    "To measure it, write a CSV with a column `file` (or `id`) that names the faces and one column for each grouping, "
    "and report again with fairness.groups=FILE.csv."
)


@dataclass(frozen=True, kw_only=True)
class _Groups:
    """Groups of the headline faces, where they come from, how a CSV matched, and what of it is left out."""

    groupings: Mapping[str, npt.NDArray[np.str_]]
    origin: str
    matched: MatchedGroups | None
    notes: tuple[str, ...] = ()

    @property
    def known(self) -> int:
        """How many faces have a group in some grouping."""
        return int(np.any([column != UNKNOWN for column in self.groupings.values()], axis=0).sum())


def analyse(context: ReportContext) -> AnalysisResult | None:
    """The headline set's scores by group; says so where no groups are known. None where it is switched off.

    Raises:
        ConfigError: the CSV of groups cannot be read or matches no face.
    """
    options, run = context.options.fairness, context.run
    if not options.enabled:
        return None
    groups = _known_groups(context)
    if groups is None:
        return AnalysisResult(
            sections=(
                Section(
                    key="fairness",
                    title="Fairness between groups",
                    template="fairness/absent.html.j2",
                    context={"absent": _ABSENT, "ids": run.headline.plain.predictions.ids[:2].tolist()},
                ),
            ),
            metrics={"measured": False},
            verdicts=(fairness_verdict(()),),
            card=(f"{_ABSENT} {_HOW}",),
        )
    scores = score_groupings(
        run.headline.plain.predictions,
        groupings=groups.groupings,
        min_group=options.min_group,
        resamples=context.options.bootstrap,
        seed=context.options.seed,
    )
    worse = any(gap.corrected and gap.measure in ("accuracy", "recall") for group in scores for gap in group.gaps)
    sure, unsure = warnings(scores, corrected=True), warnings(scores, corrected=False)
    nothing = nothing_shown(scores)
    return AnalysisResult(
        sections=(_section(context, groups, scores, sure=sure, unsure=unsure, nothing=nothing),),
        metrics=fairness_metrics(run, scores, matched=groups.matched, min_group=options.min_group),
        files={"fairness.csv": csv_text(group_rows(scores)), "fairness_gaps.csv": csv_text(gap_rows(scores))},
        columns=_columns(context, groups),
        verdicts=(fairness_verdict(scores),),
        # On synthetic faces the groups are a lesson, not people.
        notes=groups.notes
        + (() if is_synthetic(run) or not worse else (f"The model does not serve all groups alike. {sure[0]}",)),
        card=_card(run, groups, scores, sure=sure, unsure=unsure, nothing=nothing),
    )


LARGE_GAP = 0.1
"""A difference of accuracy between groups that must not be."""


def fairness_verdict(scores: Sequence[GroupingScores]) -> Verdict:
    """The summary's line: the surest or else largest difference of accuracy between two groups; of none, that nothing
    is known.
    """
    rule = (
        f"Pass: no difference of accuracy between two groups can be as large as {points(LARGE_GAP)} points (by its "
        "interval), and none of accuracy or recall is more than chance after correction for all comparisons. "
        f"Fail: one of accuracy is, and at least {points(LARGE_GAP)} points large. Look: otherwise, or not known."
    )
    question, section = "Does it serve groups alike?", "fairness"
    gaps = [(grouping.name, gap) for grouping in scores if (gap := grouping.gap("accuracy")) is not None]
    if not gaps:
        return Verdict(
            question=question,
            verdict="look",
            value=None,
            text="Not known: the data name no groups of enough faces, and none were given (fairness.groups=FILE).",
            section=section,
            rule=rule,
        )
    name, gap = max(gaps, key=lambda each: (each[1].corrected, each[1].difference.value))
    value = gap.difference.value
    recalls = sorted({f"{of.emotion} by {grouping.name}" for grouping in scores for of in grouping.gaps if _recall(of)})
    possible = max(of.difference.high for _, of in gaps)
    text = (
        f"Largest difference of accuracy{' that is more than chance' if gap.corrected else ''}: {points(value)} points "
        f"by {name} ({gap.low_group} against {gap.high_group})"
        f"{'' if gap.corrected else ', not more than chance shows'}"
    )
    verdict: Judgement = "look"
    if gap.corrected:
        verdict = "fail" if value >= LARGE_GAP else "look"
    elif recalls:
        text += f"; but recall differs beyond chance: {', '.join(recalls[:3])}"
    elif possible < LARGE_GAP:
        verdict = "pass"
    else:
        text += f", but up to {points(possible)} points fit so few faces"
    return Verdict(question=question, verdict=verdict, value=value, text=f"{text}.", section=section, rule=rule)


def _recall(gap: Gap) -> bool:
    return gap.measure == "recall" and gap.corrected


def _known_groups(context: ReportContext) -> _Groups | None:
    options, samples = context.options.fairness, context.samples
    rows = context.run.headline.evaluation_set.rows
    if options.groups is not None:
        table = read_groups(options.groups, columns=options.columns)
        matched = match_groups(table, ids=samples.ids[rows].tolist(), all_ids=samples.ids.tolist())
        return _Groups(groupings=matched.groupings, origin=options.groups.name, matched=matched, notes=table.notes)
    if not samples.groups:
        return None
    names = samples.groups if options.columns is None else _checked(options.columns, samples.groups)
    return _Groups(
        groupings={name: samples.groups[name][rows] for name in names},
        origin="the data set itself",
        matched=None,
    )


def _statement(run: EvaluatedRun, groups: _Groups) -> str:
    """Split, protocol, augmentation and how many faces have a group."""
    return f"{run.headline.evaluation_set.title}, {protocol(run)}, no test-time augmentation, n = {groups.known:,}"


def _checked(columns: Sequence[str], known: Mapping[str, Any]) -> Sequence[str]:
    for column in columns:
        if column not in known:
            raise ConfigError(
                f"fairness.columns: the data set has no grouping {column!r}{nearest(column, known)}; it has "
                f"{', '.join(map(repr, known))}"
            )
    return columns


def _section(
    context: ReportContext,
    groups: _Groups,
    scores: Sequence[GroupingScores],
    *,
    sure: Sequence[str],
    unsure: Sequence[str],
    nothing: Sequence[str],
) -> Section:
    run, min_group = context.run, context.options.fairness.min_group
    said = _statement(run, groups)
    gaps = [gap for grouping in scores for gap in grouping.gaps]
    overall = run.headline.plain.metrics["accuracy"]
    charts = [
        Chart(
            key="fairness-accuracy",
            caption="Accuracy by group with 95 % intervals; in brackets the faces of the group. Dashed: all faces. "
            f"{said}.",
            draw=lambda palette: accuracy_figure(scores, overall=overall.value, palette=palette),
        )
    ]
    if any(gap.measure == "recall" for gap in gaps):
        charts.append(
            Chart(
                key="fairness-recall",
                caption="Gap of recall of each emotion between the two groups furthest apart, with its interval; "
                f"diamonds leave out 0. {said}.",
                draw=lambda palette: recall_gap_figure(scores, palette=palette),
            )
        )
    return Section(
        key="fairness",
        title="Fairness between groups",
        template="fairness/section.html.j2",
        context={
            "origin": groups.origin,
            "matched": groups.matched,
            "n": len(run.headline.plain.predictions),
            "statement": said,
            "min_group": min_group,
            "sure": sure[:SHOWN_WARNINGS],
            "more_sure": len(sure) - len(sure[:SHOWN_WARNINGS]),
            "unsure": unsure[:SHOWN_WARNINGS],
            "more_unsure": len(unsure) - len(unsure[:SHOWN_WARNINGS]),
            "nothing": nothing,
            "gap_count": len(gaps),
            "comparisons": sum(grouping.comparisons for grouping in scores),
            "emotions": run.labels,
            "group_rows": [group_cells(grouping.name, group) for grouping in scores for group in grouping.groups],
            "gap_rows": [row for grouping in scores for row in gap_cells(grouping)],
            "emotion_rows": [row for grouping in scores for row in emotion_cells(grouping)],
            "synthetic": is_synthetic(run),
        },
        charts=tuple(charts),
    )


def _columns(context: ReportContext, groups: _Groups) -> dict[str, dict[str, Any]]:
    """The accuracy gap of each grouping for every run that is scored on the same faces."""
    key = context.run.headline_key
    columns = {}
    for run in context.runs:
        if not run.shares_rows(context.run, key):
            continue
        differences = accuracy_differences(
            run.sets[key].plain.predictions, groupings=groups.groupings, min_group=context.options.fairness.min_group
        )
        columns[run.record.name] = {
            f"fairness_{name}_accuracy_difference": value for name, value in differences.items()
        }
    return columns


def _card(
    run: EvaluatedRun,
    groups: _Groups,
    scores: Sequence[GroupingScores],
    *,
    sure: Sequence[str],
    unsure: Sequence[str],
    nothing: Sequence[str],
) -> tuple[str, ...]:
    names = ", ".join(grouping.name.replace("_", " ") for grouping in scores)
    comparisons = sum(grouping.comparisons for grouping in scores)
    opening = f"Fairness ({_statement(run, groups)}): groups by {names}, {comparisons:,} comparisons."
    if is_synthetic(run):
        opening += " The groups are properties of synthetic faces and say nothing about people."
    worst = _worst_group(scores)
    found = list(sure[:3])
    if not sure and unsure:
        found.append(f"One gap of several that may be chance: {unsure[0]}")
    return (" ".join([opening, *worst, *found]), *nothing)


def _worst_group(scores: Sequence[GroupingScores]) -> list[str]:
    known = [
        (group.accuracy, grouping, group.group)
        for grouping in scores
        for group in grouping.groups
        if group.accuracy is not None
    ]
    if not known:
        return ["No group has enough faces for a score."]
    lowest, grouping, group = min(known, key=lambda item: item[0].value)
    accuracy = cell("accuracy", lowest)
    return [
        f"The lowest accuracy of a group is {accuracy.text} ({accuracy.interval}, n = {lowest.n:,}), "
        f"{group_phrase(grouping, group)}."
    ]


_YES, _NO = ("yes", "true", "with"), ("no", "false", "without")


def group_phrase(grouping: GroupingScores, group: str) -> str:
    """A group in a sentence: "with glasses", "without glasses", "with skin tone “monk01-02”".

    1 and 0 are yes and no only where the grouping has no other numbers: skin types go from 1 to 6.
    """
    name = grouping.name.replace("_", " ")
    is_flag = all(each.group.lower() in (*_YES, *_NO, "1", "0") for each in grouping.groups)
    if group.lower() in _YES or (is_flag and group == "1"):
        return f"with {name}"
    if group.lower() in _NO or (is_flag and group == "0"):
        return f"without {name}"
    return f"with {name} “{group}”"


def gap_sentence(grouping: GroupingScores, gap: Gap) -> str:
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
                f"{_capital(high)} the model predicts “{gap.emotion}” for {by} points more of the faces of other "
                f"emotions than {low}"
            ),
        )
    else:
        first, said = (
            gap.high,
            (
                f"{_capital(high)} the model predicts “{gap.emotion}” for {by} points more faces, whatever their "
                f"label, than {low}"
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
    grouping the widest of how often an emotion is predicted.

    Args:
        scores: of every grouping.
        corrected: those that still leave out 0 after correction for all comparisons, or those that no longer do.
    """
    scored, selected = [], []
    for grouping in scores:
        found = [gap for gap in grouping.gaps if gap.significant and gap.corrected is corrected]
        scored += [(grouping, gap) for gap in found if gap.measure in ("accuracy", "recall")]
        rates = [gap for gap in found if gap.measure == "selection_rate"]
        selected += [(grouping, max(rates, key=lambda gap: gap.difference.low))] if rates else []
    surest_first = [
        *sorted(scored, key=lambda item: -item[1].difference.low),
        *sorted(selected, key=lambda item: -item[1].difference.low),
    ]
    return [gap_sentence(grouping, gap) for grouping, gap in surest_first]


def _rate(estimate: Estimate) -> str:
    return f"{percent(estimate.value)} of {estimate.n:,}"


def _capital(phrase: str) -> str:
    return phrase[0].upper() + phrase[1:]
