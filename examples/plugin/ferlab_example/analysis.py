"""Cohen's kappa in the report: an analysis is a function of the report's context."""

from typing import TYPE_CHECKING

import numpy as np

from fer.report.context import ReportContext
from fer.report.page.figures import Palette, new_figure
from fer.report.page.plain_section import plain_section
from fer.report.page.section import Chart
from fer.report.result import AnalysisResult, Verdict

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def kappa(context: ReportContext, *, fair: float = 0.4) -> AnalysisResult:
    """Agreement with the labels beyond chance (Cohen 1960), on every set that the run was scored on.

    Args:
        context: the runs, scored.
        fair: agreement from which on the summary says "pass".
    """
    values = {key: _kappa(scores.plain.confusion) for key, scores in context.run.sets.items()}
    titles = {key: scores.evaluation_set.title for key, scores in context.run.sets.items()}
    headline = values[context.run.headline_key]

    def draw(palette: Palette) -> "Figure":
        figure = new_figure(5.0, 2.4, palette)
        axes = figure.subplots()
        axes.barh([titles[key] for key in values], list(values.values()), color=palette.series[0])
        axes.set(xlim=(0, 1), xlabel="Cohen's kappa")
        return figure

    section = plain_section(
        "kappa",
        title="Agreement beyond chance",
        text=["Cohen's kappa is 0 for guessing with the right frequencies, and 1 for perfect agreement."],
        columns=["Set", "kappa"],
        rows=[[titles[key], f"{value:.3f}"] for key, value in values.items()],
        caption="Cohen's kappa of each set.",
        charts=[Chart(key="kappa", caption="Cohen's kappa of each set", draw=draw)],
    )
    verdict = Verdict(
        question="Does it agree with the labels beyond chance?",
        verdict="pass" if headline >= fair else "look",
        value=headline,
        text=f"Cohen's kappa is {headline:.2f}.",
        section="kappa",
        rule=f"Pass: kappa of {fair:g} or more on the set on top. Look: less.",
    )
    return AnalysisResult(sections=(section,), metrics=values, verdicts=(verdict,))


def _kappa(confusion_KK: np.ndarray) -> float:
    total = confusion_KK.sum()
    agreed = np.trace(confusion_KK) / total
    chance = (confusion_KK.sum(axis=0) * confusion_KK.sum(axis=1)).sum() / total**2
    return float((agreed - chance) / (1 - chance))
