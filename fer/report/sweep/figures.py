"""The figures of a sweep's page."""

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from fer.report.page.figures import Palette, dots, new_figure
from fer.report.sweep.importance import Importance
from fer.report.sweep.trials import SweepTrials, loss_of, text_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from fer.folders.sweep import TrialRecord

_AXES: Final = 8
"""Axes of the parallel coordinates at most: more cannot be followed."""
_JITTER: Final = 0.16


def scale_of(trials: SweepTrials) -> tuple[float, str]:
    """Factor and name of the objective's axis."""
    if trials.is_share:
        return 100.0, f"{trials.measure}, %"
    return 1.0, trials.measure


def history_figure(trials: SweepTrials, palette: Palette) -> "Figure":
    """Every trial's value in the order of their ends, and the best so far."""
    figure = new_figure(6.4, 3.6, palette)
    axes = figure.subplots()
    scale, name = scale_of(trials)
    places = {"ok": ([], []), "pruned": ([], [])}  # type: dict[str, tuple[list[int], list[float]]]
    best: list[float] = []
    for place, record in enumerate(trials.records, start=1):
        if record.loss is not None:
            places[record.status][0].append(place)
            places[record.status][1].append(scale * trials.value(record.loss))
        known = [loss_of(each) for each in trials.records[:place] if each.status == "ok"]
        best.append(scale * trials.value(min(known)) if known else np.nan)
    axes.step(range(1, len(best) + 1), best, where="post", color=palette.series[1], label="best so far")
    axes.plot(*places["ok"], "o", color=palette.series[0], markersize=5, label="finished")
    axes.plot(*places["pruned"], "x", color=palette.muted, markersize=5, label="given up half-way")
    failed = [place for place, record in enumerate(trials.records, start=1) if record.status == "failed"]
    if failed:
        # A failed trial has no value: it stands at the foot of the figure.
        transform = axes.get_xaxis_transform()
        axes.plot(failed, [0.02] * len(failed), "v", color=palette.series[3], transform=transform, label="failed")
    axes.set_xlabel("trials ended")
    axes.set_ylabel(name)
    figure.legend(loc="outside upper left", ncols=4)
    return figure


def curves_figure(trials: SweepTrials, palette: Palette) -> "Figure":
    """The score of every trial over its training; the best one stands out."""
    figure = new_figure(6.4, 3.6, palette)
    axes = figure.subplots()
    scale, name = scale_of(trials)
    sign = 1 if trials.higher_is_better else -1
    best = trials.best
    labels = {"ok": "finished", "pruned": "given up half-way"}
    for record in trials.records:
        if not record.curve or record is best or record.status == "failed":
            continue
        finished = record.status == "ok"
        axes.plot(
            *_curve(record, sign * scale),
            color=palette.series[0] if finished else palette.muted,
            linestyle="-" if finished else "--",
            linewidth=1,
            alpha=0.55,
            label=labels.pop(record.status, None),
        )
    if best is not None and best.curve:
        axes.plot(*_curve(best, sign * scale), color=palette.series[1], marker="o", markersize=4, label="best")
    axes.set_xlabel("share of the training done, %")
    axes.set_ylabel(name)
    figure.legend(loc="outside upper left", ncols=3)
    return figure


def importance_figure(found: Importance, palette: Palette) -> "Figure":
    """How much each setting matters, most important on top."""
    names = list(found.shares)
    figure = new_figure(6.0, 1.2 + 0.3 * len(names), palette)
    axes = figure.subplots()
    places = np.arange(len(names))[::-1]
    dots(axes, list(found.shares.values()), places, palette.series[0], "o", "")
    axes.set_yticks(places, names)
    axes.set_xlim(left=min(0.0, axes.get_xlim()[0]))
    axes.set_xlabel("% of the ranking's variance lost when shuffled")
    axes.grid(visible=False, axis="y")
    return figure


def parallel_figure(trials: SweepTrials, settings: list[str], palette: Palette) -> "Figure":
    """Each trial as a line through its settings and its value; the best quarter stands out."""
    shown = settings[:_AXES]
    figure = new_figure(1.0 + 1.1 * (len(shown) + 1), 4.0, palette)
    axes = figure.subplots()
    rng = np.random.default_rng(0)
    columns = [_unit(trials, setting, rng) for setting in shown]
    losses = np.array([loss_of(record) for record in trials.scored])
    spread = np.ptp(losses)
    columns.append(1 - (losses - losses.min()) / (spread if spread > 0 else 1.0))
    line_NA = np.stack(columns, axis=1)
    good = losses <= np.quantile(losses, 0.25)
    for row in np.argsort(-losses):
        best = row == losses.argmin()
        colour = palette.series[1] if best else palette.series[0] if good[row] else palette.muted
        width, alpha = 2.2 if best else 1.2, 1.0 if good[row] else 0.35
        axes.plot(range(len(columns)), line_NA[row], color=colour, linewidth=width, alpha=alpha)
    for place, setting in enumerate(shown):
        for height, text in _ticks(trials, setting):
            axes.text(place - 0.04, height, text, ha="right", va="center", fontsize=8)
    scale, name = scale_of(trials)
    for height, loss in ((0.0, losses.max()), (1.0, losses.min())):
        axes.text(len(shown) + 0.05, height, f"{scale * trials.value(loss):.3g}", va="center", fontsize=8)
    axes.set_xticks(range(len(columns)), [*(_short(setting) for setting in shown), name.replace(", %", "\n%")])
    axes.set_yticks([])
    axes.set_xlim(-0.6, len(columns) - 0.4)
    axes.grid(visible=True, axis="x")
    axes.spines["left"].set_visible(False)
    return figure


def slices_figure(trials: SweepTrials, settings: list[str], palette: Palette) -> "Figure":
    """The objective against each setting by itself."""
    columns = 3
    rows = -(-len(settings) // columns)
    figure = new_figure(10.0, 0.4 + 2.2 * rows, palette)
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    scale, name = scale_of(trials)
    rng = np.random.default_rng(0)
    for axes, setting in zip(grid.flat, settings, strict=False):
        _slice(axes, trials, setting, scale, palette, rng)
    for axes in grid.flat[len(settings) :]:
        axes.set_visible(False)
    for row in grid:
        row[0].set_ylabel(name)
    return figure


def _slice(
    axes: "Axes", trials: SweepTrials, setting: str, scale: float, palette: Palette, rng: np.random.Generator
) -> None:
    numeric, options = trials.is_numeric(setting), trials.options(setting)
    for status, marker, colour in (("pruned", "x", palette.muted), ("ok", "o", palette.series[0])):
        records = [record for record in trials.scored if record.status == status and setting in record.params]
        values: list[Any] = [record.params[setting] for record in records]
        if not numeric:
            places = np.array([float(options.index(text_of(value))) for value in values])
            values = list(places + rng.uniform(-_JITTER, _JITTER, len(places)))
        axes.plot(
            values, [scale * trials.value(loss_of(record)) for record in records], marker, color=colour, markersize=4
        )
    if numeric and trials.is_logarithmic(setting):
        from matplotlib.ticker import FuncFormatter, NullFormatter

        axes.set_xscale("log")
        # Matplotlib's own labels are mathematics, which an SVG with real text does not show.
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    if not numeric:
        axes.set_xticks(range(len(options)), options, rotation=20 if max(map(len, options)) > 6 else 0)
        axes.set_xlim(-0.5, len(options) - 0.5)
    axes.set_title(_short(setting))


def _curve(record: "TrialRecord", scale: float) -> tuple[list[float], list[float]]:
    return [100 * share for share, _ in record.curve], [scale * score for _, score in record.curve]


def _unit(trials: SweepTrials, setting: str, rng: np.random.Generator) -> "np.ndarray[Any, np.dtype[np.float64]]":
    """(N,) a setting in 0..1; NaN, which breaks a line, for trials without it."""
    column = trials.column(setting)
    if not trials.is_numeric(setting):
        top = max(len(trials.options(setting)) - 1, 1)
        # Lines through one option lie beside each other instead of on each other.
        return column / top + rng.uniform(-0.015, 0.015, len(column))
    low, high = np.nanmin(column), np.nanmax(column)
    unit: np.ndarray[Any, np.dtype[np.float64]] = (column - low) / (high - low if high > low else 1.0)
    return unit


def _ticks(trials: SweepTrials, setting: str) -> list[tuple[float, str]]:
    if not trials.is_numeric(setting):
        options = trials.options(setting)
        return [(place / max(len(options) - 1, 1), text) for place, text in enumerate(options)]
    values = trials.values(setting)
    return [(0.0, f"{min(values):.3g}"), (1.0, f"{max(values):.3g}")]


def _short(setting: str) -> str:
    """The last parts of a key, on two lines where it has several."""
    *_, before, last = ("", *setting.split("."))
    return f"{before}\n{last}" if before else last
