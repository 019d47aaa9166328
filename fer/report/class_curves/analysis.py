"""How well each emotion's probability ranks the faces: ROC and precision-recall curves, one against the rest."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fer.metrics.ranking import RankingCurves, ranking_curves
from fer.report.context import ReportContext
from fer.report.page.figures import LINE_STYLES, Palette, new_figure
from fer.report.page.section import Chart, Section
from fer.report.result import AnalysisResult
from fer.report.scores.statements import statement
from fer.report.scores.tables import csv_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def analyse(context: ReportContext) -> AnalysisResult | None:
    """The curves of the headline set; None where the labels hold one emotion alone."""
    run = context.run
    predictions = run.headline.plain.predictions
    curves: dict[str, RankingCurves] = {}
    for c, emotion in enumerate(predictions.classes):
        found = ranking_curves(predictions.labels == c, predictions.probabilities[:, c])
        if found is not None:
            curves[emotion] = found
    if not curves:
        return None
    said, n = statement(run, run.headline_key), len(predictions)
    best, worst = (choose(curves, key=lambda name: curves[name].auc) for choose in (max, min))
    highest, lowest = (f"{curves[name].auc:.3f}" for name in (best, worst))
    areas = f"from {lowest} ({worst}) to {highest} ({best})" if lowest != highest else f"of every emotion: {highest}"
    charts = (
        Chart(
            key="roc",
            caption="ROC curve of each emotion against the rest, with the area under it; the diagonal is guessing. "
            f"{said}.",
            draw=lambda palette: roc_figure(curves, palette=palette),
        ),
        Chart(
            key="precision-recall",
            caption="Precision against recall of each emotion as the threshold on its probability falls, with the "
            f"average precision (guessing: the emotion's share of the faces). {said}.",
            draw=lambda palette: precision_recall_figure(curves, palette=palette),
        ),
    )
    return AnalysisResult(
        sections=(
            Section(
                key="class-curves",
                title="ROC and precision-recall curves",
                template="class_curves/section.html.j2",
                context={},
                charts=charts,
                lead=f"Areas under the ROC curves {areas}.",
            ),
        ),
        metrics={
            emotion: {
                "auc": of.auc,
                "average_precision": of.average_precision,
                "positives": of.positives,
                "n": n,
            }
            for emotion, of in curves.items()
        },
        files={"class_curves.csv": csv_text(_rows(curves))},
    )


def _rows(curves: Mapping[str, RankingCurves]) -> list[dict[str, Any]]:
    return [
        {
            "class": emotion,
            "threshold": threshold,
            "false_positive_rate": false_positive_rate,
            "recall": recall,
            "precision": precision,
        }
        for emotion, of in curves.items()
        for threshold, false_positive_rate, recall, precision in zip(
            of.threshold.tolist(),
            of.false_positive_rate.tolist(),
            of.recall.tolist(),
            of.precision.tolist(),
            strict=True,
        )
    ]


def roc_figure(curves: Mapping[str, RankingCurves], *, palette: Palette) -> "Figure":
    """True against false positive rate of each emotion."""
    lines = {
        f"{name}, {of.auc:.3f}": ([0, *of.false_positive_rate.tolist()], [0, *of.recall.tolist()])
        for name, of in curves.items()
    }
    figure = _lines(lines, title="ROC (area)", x="false positive rate (%)", y="recall (%)", palette=palette)
    figure.axes[0].plot([0, 100], [0, 100], color=palette.muted, linewidth=1, linestyle=":")
    return figure


def precision_recall_figure(curves: Mapping[str, RankingCurves], *, palette: Palette) -> "Figure":
    """Precision against recall of each emotion, in steps, as the average precision counts them."""
    lines = {
        f"{name}, {of.average_precision:.3f}": (of.recall.tolist(), of.precision.tolist())
        for name, of in curves.items()
    }
    return _lines(
        lines, title="Precision and recall (average)", x="recall (%)", y="precision (%)", palette=palette, steps=True
    )


def _lines(
    lines: Mapping[str, tuple[list[float], list[float]]],
    *,
    title: str,
    x: str,
    y: str,
    palette: Palette,
    steps: bool = False,
) -> "Figure":
    # The legend below, in two columns, would leave no room for the curves of many labels.
    figure = new_figure(5.2, 5.4 + 0.24 * max(0, -(-len(lines) // 2) - 4), palette)
    axes = figure.subplots()
    for number, (label, (across, up)) in enumerate(lines.items()):
        axes.plot(
            [100 * value for value in across],
            [100 * value for value in up],
            color=palette.series[number % len(palette.series)],
            # The seventh label comes back to the first colour in another style.
            linestyle=LINE_STYLES[(number // len(palette.series) + number % 2) % len(LINE_STYLES)],
            drawstyle="steps-pre" if steps else "default",
            linewidth=1.6,
            label=label,
        )
    axes.set(xlim=(0, 100), ylim=(0, 101), xlabel=x, ylabel=y, title=title)
    figure.legend(loc="outside lower left", ncols=2)
    return figure
