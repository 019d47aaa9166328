"""The robustness section: plain values for its template."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fer.data.corruption.registry import CORRUPTIONS
from fer.metrics import Estimate
from fer.metrics.robustness import AccuracyGrid
from fer.report.page.section import Chart, Section, cell
from fer.report.page.wording import interval, percent
from fer.report.result import Verdict
from fer.report.robustness.figures import Strip, retention_figure, severity_figure
from fer.report.robustness.measurement import LIGHTING_GOAL, Summary, has_mce, members


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What stands beside every number.

    Attributes:
        title: the set in words.
        protocol: in three words.
        n: faces measured on.
        of: faces of the set.
        seed: of their choice and of the corruptions.
        resamples: behind each interval.
        baseline: the run that mCE is relative to; None without.
        detail: the run shown in detail.
        left_out: runs scored on other faces.
    """

    title: str
    protocol: str
    n: int
    of: int
    seed: int
    resamples: int
    baseline: str | None
    detail: str
    left_out: tuple[str, ...]

    @property
    def statement(self) -> str:
        """Split, protocol, augmentation and n."""
        drawn = "" if self.n == self.of else f", drawn at random from {self.of:,} (seed {self.seed})"
        return f"{self.title}, {self.protocol}, no test-time augmentation, n = {self.n:,}{drawn}"


def robustness_section(
    facts: Facts,
    grids: Mapping[str, AccuracyGrid],
    summaries: Mapping[str, Summary],
    *,
    examples: Sequence[Strip],
) -> Section:
    """The whole section."""
    grid, summary = grids[facts.detail], summaries[facts.detail]
    reference = None if facts.baseline is None else grids[facts.baseline]
    return Section(
        key="robustness",
        title="Robustness to corruption and light" if members(grid, "corruption") else "Robustness to light",
        template="robustness/section.html.j2",
        context={
            "facts": facts,
            "lighting": len(members(grid, "lighting")),
            "corruptions": len(members(grid, "corruption")),
            "severities": grid.severities,
            "severities_text": severities_text(grid.severities),
            "chance": percent(float(grid.majority[0])),
            "chance_kept": _chance_kept(grid),
            "clean": cell("accuracy", summary.clean),
            "goal": percent(LIGHTING_GOAL, 0),
            "tiles": _tiles(facts, summary, chance_kept=_chance_kept(grid)),
            "mce_missing": _mce_missing(facts, grid),
            "rows": [_row(grid, name, reference) for name in grid.names],
            "has_ce": reference is not None,
            "runs": _runs(facts, summaries) if len(summaries) > 1 else [],
            "examples": [
                {
                    "title": CORRUPTIONS[strip.name].title,
                    "uri": strip.uri,
                    "width": strip.width,
                    "height": strip.height,
                    "alt": f"One face untouched, then under {CORRUPTIONS[strip.name].title.lower()} at "
                    f"{severities_text(grid.severities)}.",
                }
                for strip in examples
            ],
        },
        charts=_charts(facts, grid),
    )


def severities_text(severities: Sequence[int]) -> str:
    """(3,) -> "severity 3", (1, 2, 3) -> "severities 1 to 3", (1, 5) -> "severities 1, 5"."""
    if len(severities) == 1:
        return f"severity {severities[0]}"
    if tuple(severities) == tuple(range(severities[0], severities[-1] + 1)):
        return f"severities {severities[0]} to {severities[-1]}"
    return f"severities {', '.join(map(str, severities))}"


def verdict(corrected: Estimate) -> str:
    """Whether the goal for lighting is met: judged by what the model keeps beyond chance, with its interval in mind.

    Plain retention flatters: always predicting the most common emotion keeps all of its accuracy.
    """
    goal = f"Goal over {percent(LIGHTING_GOAL, 0)} beyond chance"
    if not np.isfinite(corrected.low):
        return (
            f"{goal}: cannot be judged, because even the untouched faces are not predicted reliably better "
            "than by the most common emotion."
        )
    if corrected.low > LIGHTING_GOAL:
        return f"{goal}: met."
    if corrected.value > LIGHTING_GOAL:
        return f"{goal}: met, but the interval reaches below it."
    if corrected.high > LIGHTING_GOAL:
        return f"{goal}: missed, but the interval reaches above it."
    return f"{goal}: missed."


def robustness_verdict(summary: Summary) -> Verdict:
    """The summary's line."""
    corrected = summary.lighting_corrected
    known = bool(np.isfinite(corrected.low))
    return Verdict(
        question="Is it robust to changes of light?",
        verdict="fail"
        if known and corrected.high < LIGHTING_GOAL
        else "pass"
        if known and corrected.low > LIGHTING_GOAL
        else "look",
        value=corrected.value if known else None,
        text=f"Keeps {percent(corrected.value)} of its accuracy beyond chance ({interval('accuracy', corrected)}); the "
        f"goal is {percent(LIGHTING_GOAL, 0)}."
        if known
        else "Cannot be judged: untouched faces are not predicted reliably better than by the most common emotion.",
        section="robustness",
        rule="Accuracy beyond chance (what always predicting the most common label would score is taken off) kept "
        f"under changes of light. Pass: over {percent(LIGHTING_GOAL, 0)} for certain. Fail: under it for certain. "
        "Look: the interval holds it, or the untouched faces are not predicted better than chance.",
    )


def _tiles(facts: Facts, summary: Summary, *, chance_kept: str) -> list[dict[str, str]]:
    def tile(label: str, estimate: Estimate, statement: str, metric: str = "accuracy") -> dict[str, str]:
        of = cell(metric, estimate)
        return {"label": label, "value": of.text, "interval": of.interval, "statement": statement}

    tiles = [
        tile(
            "Accuracy beyond chance kept under changes of light",
            summary.lighting_corrected,
            f"{verdict(summary.lighting_corrected)} Plain: {percent(summary.lighting.value)}, of which always "
            f"predicting the most common emotion would keep {chance_kept}. {facts.statement}",
        )
    ]
    if summary.corruption is not None and summary.corruption_accuracy is not None:
        assert summary.corruption_corrected is not None
        tiles.append(
            tile(
                "Mean accuracy under the 15 corruptions",
                summary.corruption_accuracy,
                f"{percent(summary.corruption.value)} ({interval('accuracy', summary.corruption)}) of the clean "
                f"accuracy kept; beyond chance {percent(summary.corruption_corrected.value)}. {facts.statement}",
            )
        )
    name, severity, accuracy = summary.worst
    tiles.append(
        tile(
            f"Worst case: {CORRUPTIONS[name].title.lower()}, severity {severity}",
            accuracy,
            f"Accuracy; lowest of all measured. {facts.statement}",
        )
    )
    if summary.mce is not None and summary.relative_mce is not None:
        relative = cell("mce", summary.relative_mce)
        known = np.isfinite(summary.relative_mce.value)
        reason = relative.interval if known else f"some corruption costs {facts.baseline} nothing"
        tiles.append(
            tile(
                f"mCE against {facts.baseline}",
                summary.mce,
                f"1 is the baseline, less is better. Relative mCE: {relative.text} ({reason}). {facts.statement}",
                "mce",
            )
        )
    return tiles


def _chance_kept(grid: AccuracyGrid) -> str:
    """What always predicting the most common emotion would keep of this model's clean accuracy."""
    return percent(float(grid.majority[0] / grid.clean[0])) if grid.clean[0] > 0 else "undefined"


def _mce_missing(facts: Facts, grid: AccuracyGrid) -> str:
    """Why there is no mCE; empty where there is one, or where nothing like it was asked for."""
    if facts.baseline is not None or len(members(grid, "corruption")) == 0:
        return ""
    if not has_mce(grid):
        return "mCE is not given: it is defined on all fifteen corruptions at all five severities."
    return (
        "mCE is not given: it is a ratio to the errors of a baseline model on the same faces, and no baseline is "
        "named. Report this run together with another and name that one with robustness.baseline=<run>."
    )


def _row(grid: AccuracyGrid, name: str, reference: AccuracyGrid | None) -> dict[str, Any]:
    cells = []
    for severity in grid.severities:
        accuracy = grid.accuracy(name, severity)
        beyond = grid.corrected_retention((name,), severity).value
        cells.append(
            {
                "text": f"{100 * accuracy.value:.1f}",
                "sort": accuracy.value,
                # Full colour is the clean accuracy, none is chance.
                "share": round(float(np.clip(beyond, 0, 1)), 3) if np.isfinite(beyond) else 0.0,
            }
        )
    scored = reference is not None and CORRUPTIONS[name].kind == "corruption"
    return {
        "title": CORRUPTIONS[name].title,
        "group": CORRUPTIONS[name].group if members(grid, "corruption") else "",
        "cells": cells,
        "retention": cell("accuracy", grid.retention((name,))),
        "corrected": cell("accuracy", grid.corrected_retention((name,))),
        "ce": cell("ce", grid.corruption_error(reference, (name,))) if scored and reference is not None else None,
    }


def _runs(facts: Facts, summaries: Mapping[str, Summary]) -> list[dict[str, Any]]:
    rows = []
    for name, summary in summaries.items():
        kinds = (
            ("accuracy", summary.clean),
            ("accuracy", summary.lighting),
            ("accuracy", summary.corruption_accuracy),
            ("accuracy", summary.corruption),
            ("accuracy", summary.corruption_corrected),
            ("mce", summary.mce),
            ("mce", summary.relative_mce),
        )
        rows.append(
            {
                "name": name,
                "is_detail": name == facts.detail,
                "is_baseline": name == facts.baseline,
                "cells": [None if estimate is None else cell(metric, estimate) for metric, estimate in kinds],
            }
        )
    return rows


def _charts(facts: Facts, grid: AccuracyGrid) -> tuple[Chart, ...]:
    retention = {name: grid.corrected_retention((name,)) for name in grid.names}
    severities = severities_text(grid.severities)
    mean = f"mean of {severities}" if len(grid.severities) > 1 else severities
    charts = [
        Chart(
            key="robustness-retention",
            caption=f"Share of the accuracy beyond chance kept under each change, {mean}, with 95 % intervals; the "
            f"dashed line is the goal for changes of light ({percent(LIGHTING_GOAL, 0)}). {facts.statement}.",
            draw=lambda palette: retention_figure(retention, goal=LIGHTING_GOAL, palette=palette),
        )
    ]
    if len(grid.severities) > 1:
        charts.append(
            Chart(
                key="robustness-severity",
                caption="Mean accuracy of each family by severity, with 95 % intervals shaded; the dashed line is the "
                f"accuracy of always predicting the most common emotion. {facts.statement}.",
                draw=lambda palette: severity_figure(grid, palette=palette),
            )
        )
    return tuple(charts)
