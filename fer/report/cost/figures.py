"""Accuracy against cost, with the Pareto front."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from fer.metrics import Estimate
from fer.report.page.figures import Palette, new_figure, short_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def cost_figure(
    costs: Mapping[str, float], scores: Mapping[str, Estimate], *, axis: str, label: str, palette: Palette
) -> "Figure":
    """Scores of several runs against their cost on a logarithmic axis, with the Pareto front.

    The points are numbered from the best score down; a legend beside the axes names them.

    Args:
        costs: above 0, by the run's name.
        scores: shares with intervals, by the run's name.
        axis: label of the cost axis.
        label: label of the score axis.
        palette: colours.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    names = list(costs)
    x = [costs[name] for name in names]
    y = [100 * scores[name].value for name in names]
    front = pareto_front(x, y)
    figure = new_figure(6.8, max(4.2, 1.0 + 0.19 * len(names)), palette)
    axes = figure.subplots()
    axes.set_xscale("log")
    low, high = (100 * np.array([getattr(scores[name], end) for name in names]) for end in ("low", "high"))
    axes.vlines(x, low, high, color=palette.muted, linewidth=0.8, alpha=0.5)
    if len(front) > 1:
        # Between two models of the front nothing is on offer, so the front goes in steps.
        axes.step(
            [x[i] for i in front], [y[i] for i in front], where="post", color=palette.series[1], linewidth=1.4, zorder=2
        )
    on_front = set(front.tolist())
    _mark(axes, x, y, [i for i in range(len(names)) if i not in on_front], palette.series[0], "o", "other runs")
    _mark(axes, x, y, list(on_front), palette.series[1], "D", "Pareto front: no run is both cheaper and better")
    widest = max(x) / min(x)
    # At least a factor of four, so that runs of about one cost do not spread over the whole axis.
    margin = max(1.35, (4 / widest) ** 0.5)
    axes.set_xlim(min(x) / margin, max(x) * margin)
    axes.xaxis.set_major_locator(LogLocator(subs=_ticks(widest * margin**2), numticks=12))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.margins(y=0.12)
    axes.set_xlabel(axis)
    axes.set_ylabel(label)
    figure.legend(loc="outside upper left", ncols=1)
    _number(figure, axes, x, y, list(short_names(names).values()), palette)
    return figure


def _number(
    figure: "Figure", axes: "Axes", x: Sequence[float], y: Sequence[float], names: Sequence[str], palette: Palette
) -> None:
    """Numbers beside the points, best score first, and a legend from number to name."""
    from matplotlib.lines import Line2D

    ranked = sorted(range(len(names)), key=lambda i: -y[i])
    for number, i in enumerate(ranked, start=1):
        # Runs of nearly one score and cost stand on each other: their numbers take turns around the point.
        side, height = ((6, 5), (-6, 0), (6, -6))[(number - 1) % 3]
        axes.annotate(
            str(number),
            (x[i], y[i]),
            (side, height),
            textcoords="offset points",
            ha="left" if side > 0 else "right",
            va="center",
            fontsize=9,
            color=palette.ink,
        )
    figure.legend(
        [Line2D([], [], linestyle="none") for _ in ranked],
        [f"{number}  {names[i]}" for number, i in enumerate(ranked, start=1)],
        loc="outside right center",
        handlelength=0,
        handletextpad=0,
        fontsize=9,
    )


def _ticks(width: float) -> tuple[float, ...]:
    """Digits to label on a logarithmic axis whose ends are a factor `width` apart."""
    return (1.0, 2.0, 3.0, 5.0, 7.0) if width < 20 else (1.0, 2.0, 5.0) if width < 200 else (1.0,)


def _mark(
    axes: "Axes", x: Sequence[float], y: Sequence[float], chosen: Sequence[int], colour: str, marker: str, label: str
) -> None:
    if len(chosen) > 0:
        axes.plot(
            [x[i] for i in chosen],
            [y[i] for i in chosen],
            linestyle="none",
            marker=marker,
            markersize=6,
            color=colour,
            label=label,
            zorder=3,
        )


def pareto_front(costs: npt.ArrayLike, scores: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Indices of the models that no other beats at the same or a lower cost, cheapest first.

    A model is left out where another costs no more, scores no less, and is better in one of the two. Of models equal in
    both, all stay.

    Args:
        costs: (N,), lower is better.
        scores: (N,), higher is better.
    """
    cost_N, score_N = np.asarray(costs, np.float64), np.asarray(scores, np.float64)
    order = np.lexsort((-score_N, cost_N))
    front: list[int] = []
    for index in order:
        last = front[-1] if front else None
        if (
            last is None
            or score_N[index] > score_N[last]
            or (cost_N[index], score_N[index])
            == (
                cost_N[last],
                score_N[last],
            )
        ):
            front.append(int(index))
    return np.array(front, dtype=np.int64)
