"""Marks of a figure tell their value under the pointer, without a script and without a network."""

import re

import numpy as np
from matplotlib.figure import Figure

from fer.metrics import Estimate
from fer.metrics.ranking import ranking_curves
from fer.report.class_curves.analysis import roc_figure
from fer.report.page.figures import ON_DARK, PRINT, Palette, dots, inline_svg, laid_out, new_figure, styled, svg_of
from fer.report.page.section import Chart
from fer.report.scores.figures import distribution_figure, loss_figure, score_figure

EPOCHS = [{"epoch": e, "valid/accuracy": 0.5 + e / 100, "valid/macro_f1": 0.4} for e in range(12)]


def titles(svg: str) -> list[str]:
    return re.findall(r"<use [^>]*><title>(.*?)</title></use>", svg)


def test_every_epoch_of_a_curve_tells_its_score() -> None:
    chart = Chart(key="curve", caption="scores", draw=lambda palette: score_figure(EPOCHS, palette=palette))
    found = titles(chart.svg)
    assert len(found) == 24
    assert found[0] == "selection accuracy, epoch 1: 50"
    assert found[11] == "selection accuracy, epoch 12: 61"
    assert found[12] == "selection macro F1, epoch 1: 40"
    assert titles(chart.file("svg").decode()) == found
    assert "values-" not in chart.file("svg").decode()


def test_the_epoch_of_the_checkpoint_is_marked_though_another_has_the_highest_accuracy() -> None:
    with styled(PRINT):
        marked = [figure(EPOCHS, palette=PRINT, scored=4) for figure in (score_figure, loss_figure)]
        unknown = score_figure(EPOCHS, palette=PRINT)
    for figure in marked:
        (line,) = [each for each in figure.axes[0].lines if str(each.get_label()).startswith("checkpoint")]
        assert (line.get_label(), line.get_xdata()[0]) == ("checkpoint, epoch 5", 5)
    assert not any("checkpoint" in str(each.get_label()) for each in unknown.axes[0].lines)


def test_the_axis_of_epochs_has_whole_numbers_where_there_is_one_epoch_too() -> None:
    for epochs in (EPOCHS[:1], EPOCHS[:2], EPOCHS):
        with styled(PRINT):
            axes = score_figure(epochs, palette=PRINT, scored=0).axes[0]
        low, high = axes.get_xlim()
        shown = [place for place in axes.get_xticks() if low <= place <= high]
        assert shown
        assert all(place == round(place) for place in shown)


def test_every_dot_tells_value_and_interval_in_its_place() -> None:
    estimates = [Estimate(value=v, low=v - 0.1, high=v + 0.1, n=50) for v in (0.2, float("nan"), 0.7)]
    with styled(PRINT):
        figure = new_figure(4, 3, PRINT)
        axes = figure.subplots()
        dots(axes, estimates, np.arange(3), PRINT.series[0], "o", "a <b>")
        axes.set_xlim(0, 100)
        svg = inline_svg(svg_of(figure), key="f", title="dots")
    assert titles(svg) == ["a &lt;b&gt;: 20.0 % (10.0 to 30.0)", "a &lt;b&gt;: 70.0 % (60.0 to 80.0)"]
    # The mark further to the right is the larger value's.
    places = [float(x) for x in re.findall(r'<use [^>]*\bx="([\d.]+)"[^>]*><title>', svg)]
    assert places == sorted(places)


def test_marks_beyond_the_edge_of_a_figure_leave_the_others_their_values() -> None:
    # In percent, on an axis of 0 to 100 whose figure ends at some -20: of a net at chance level.
    values = (0.5, 1.0, -1.0, 0.25, -1.25, -0.5, float("nan"), -0.75, 0.5, 0.1)
    estimates = [Estimate(value=v, low=float("nan"), high=float("nan"), n=50) for v in values]
    with styled(PRINT):
        figure = new_figure(4, 3, PRINT)
        axes = figure.subplots()
        dots(axes, estimates, np.arange(len(values)), PRINT.series[0], "o", "a")
        for artist in (*axes.collections, *axes.lines):
            artist.set_clip_on(True)
        axes.set_xlim(0, 100)
        svg = svg_of(laid_out(figure))
    shown = (50, 100, 25, 50, 10)
    assert titles(svg) == [f"a: {value}.0 % (no interval)" for value in shown]
    # On a straight axis the place tells the value.
    places = [float(x) for x in re.findall(r'<use [^>]*\bx="([-\d.]+)"[^>]*><title>', svg)]
    assert np.corrcoef(places, shown)[0, 1] > 0.9999


def test_a_legend_of_three_splits_fits_its_figure() -> None:
    counts = {name: np.full(7, n) for name, n in (("Training", 4101), ("PublicTest", 512), ("PrivateTest", 512))}
    with styled(PRINT):
        figure = distribution_figure(counts, labels=[f"emotion {c}" for c in range(7)], palette=PRINT)
        figure.canvas.draw()
    box, whole = figure.legends[0].get_window_extent(), figure.bbox
    assert whole.x0 <= box.x0
    assert box.x1 <= whole.x1


def test_the_legend_of_many_labels_leaves_the_curves_their_room() -> None:
    positive = np.arange(40) % 2 == 0
    found = ranking_curves(positive, positive + 0.5)
    assert found is not None
    with styled(PRINT):
        figure = laid_out(roc_figure({f"label {c}": found for c in range(50)}, palette=PRINT))
    axes, legend = figure.axes[0].get_window_extent(), figure.legends[0].get_window_extent()
    assert figure.bbox.y0 <= legend.y0 < legend.y1 <= axes.y0
    assert axes.height / figure.dpi > 3


def test_a_figure_is_drawn_once_and_its_colours_are_those_of_the_place_it_stands_in() -> None:
    drawn = []

    def draw(palette: Palette) -> Figure:
        drawn.append(palette)
        figure = new_figure(3, 2, palette)
        figure.subplots().text(0.5, 0.5, "cell", color=ON_DARK, backgroundcolor=palette.series[0])
        return figure

    chart = Chart(key="one", caption="once", draw=draw)
    page, file = chart.svg, chart.file("svg").decode()
    assert chart.file("png").startswith(b"\x89PNG")
    assert len(drawn) == 1
    assert "var(--series-1)" in page
    assert not any(colour in page for colour in (*PRINT.series, PRINT.ink, PRINT.grid, PRINT.surface))
    # On a cell that keeps its colour in the dark theme, text keeps its own too.
    assert ON_DARK in page
    assert all(colour in file for colour in (PRINT.series[0], PRINT.grid, ON_DARK))
