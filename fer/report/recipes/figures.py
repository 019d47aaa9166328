"""Figures of a study of recipes."""

from typing import TYPE_CHECKING

from fer.report.page.figures import LINE_STYLES, Palette, new_figure
from fer.report.recipes.measurement import StudyScores

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MARKERS = ("o", "s", "^", "D", "v", "P")


def augmentation_figure(study: StudyScores, *, palette: Palette) -> "Figure":
    """Each seed's accuracy on training and on selection faces, by augmentation, with their means."""
    figure = new_figure(6.0, 1.6 + 0.55 * len(study.recipes), palette)
    axes = figure.subplots()
    for place, recipe in enumerate(reversed(study.recipes)):
        for values, number, label in ((recipe.train, 1, "training faces"), (recipe.selection, 0, "selection faces")):
            colour = palette.series[number]
            axes.plot(
                100 * values,
                [place] * len(values),
                linestyle="none",
                marker=_MARKERS[number],
                color=colour,
                alpha=0.6,
                label=label if place == 0 else None,
            )
            axes.vlines(100 * values.mean(), place - 0.28, place + 0.28, color=colour)
    axes.set_yticks(range(len(study.recipes)), [recipe.recipe for recipe in reversed(study.recipes)])
    axes.set_ylim(-0.6, len(study.recipes) - 0.4)
    axes.set_xlabel("accuracy, % (each seed; line: mean)")
    axes.grid(visible=False, axis="y")
    figure.legend(loc="outside upper left", ncols=2)
    return figure


def datasize_figure(study: StudyScores, *, palette: Palette) -> "Figure":
    """Mean selection accuracy by number of training faces, from the lowest seed to the highest, a line a net."""
    figure = new_figure(6.4, 4.4, palette)
    axes = figure.subplots()
    for number, name in enumerate(study.names):
        curve = study.named(name)
        faces = [one.faces for one in curve]
        # As many nets as there are colours differ by colour; more by their lines too.
        colour = palette.series[number % len(palette.series)]
        axes.plot(
            faces,
            [100 * one.mean for one in curve],
            color=colour,
            marker=_MARKERS[number % len(_MARKERS)],
            linestyle=LINE_STYLES[number % len(LINE_STYLES)],
            label=name,
        )
        low, high = ([100 * float(pick(one.selection)) for one in curve] for pick in (min, max))
        axes.fill_between(faces, low, high, color=colour, alpha=0.15, linewidth=0)
    axes.set_xscale("log")
    sizes = sorted({one.faces for one in study.recipes})
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.minorticks_off()
    axes.set_xlabel("training faces (logarithmic)")
    axes.set_ylabel("selection accuracy, %")
    figure.legend(loc="outside upper left", ncols=2)
    return figure
