"""One look for all figures: fixed colours in files, the light or dark theme's colours inside the page."""

import io
import logging
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from fer.metrics import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Palette:
    """Colours by role; `series` keeps its order, so that a thing has one colour throughout a page.

    The series colours are those of Okabe and Ito (2008), told apart with any colour vision.
    """

    ink: str
    muted: str
    grid: str
    surface: str
    series: tuple[str, ...]


PRINT: Final = Palette(
    ink="#1b1f24",
    muted="#57606a",
    grid="#d8dee4",
    surface="#ffffff",
    series=("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"),
)
"""What figures are drawn with; on the page each of these colours gives way to its CSS variable (`inline_svg`)."""

ON_DARK: Final = "#fefefe"
ON_LIGHT: Final = "#1c2025"
"""Text on a cell that keeps its own colour in both themes; so no colour of `PRINT`, which the page would change."""

DPI: Final = 160
"""Dots an inch of PNG files."""

_VARIABLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        PRINT.ink: "--ink",
        PRINT.muted: "--muted",
        PRINT.grid: "--line",
        PRINT.surface: "--surface",
        **{colour: f"--series-{number}" for number, colour in enumerate(PRINT.series, start=1)},
    }
)

LINE_STYLES: Final = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)))
"""A second sign beside colour."""


def new_figure(width: float, height: float, palette: Palette) -> "Figure":
    """An empty figure of that size in inches; no pyplot, so no global state."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    figure.patch.set_facecolor(palette.surface)
    return figure


@contextmanager
def styled(palette: Palette) -> Iterator[None]:
    """Matplotlib's settings for drawing and saving inside."""
    import matplotlib

    settings: dict[Any, Any] = {
        "font.family": _families(),
        "font.size": 11,
        "axes.titlesize": 11,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.labelsize": 11,
        "xtick.labelsize": 10,
        "ytick.labelsize": 10,
        "legend.fontsize": 10,
        "legend.frameon": False,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": palette.grid,
        "grid.linewidth": 0.8,
        "axes.facecolor": "none",
        "axes.edgecolor": palette.muted,
        "axes.labelcolor": palette.ink,
        "axes.titlecolor": palette.ink,
        "text.color": palette.ink,
        # A run's name may hold a dollar sign.
        "text.parse_math": False,
        "xtick.color": palette.muted,
        "ytick.color": palette.muted,
        "xtick.labelcolor": palette.ink,
        "ytick.labelcolor": palette.ink,
        "lines.linewidth": 2,
        "svg.fonttype": "none",
        # Without a salt, ids are random.
        "svg.hashsalt": "fer",
    }
    with matplotlib.rc_context(settings):
        yield


_OTHER_SCRIPTS: Final = (
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "WenQuanYi Zen Hei", "Noto Sans Devanagari"),
    *("Arial Unicode MS", "PingFang SC", "Hiragino Sans GB", "Apple SD Gothic Neo"),
    *("Microsoft YaHei", "Yu Gothic", "Malgun Gothic", "Nirmala UI"),
)
"""Fonts of Linux, macOS and Windows with letters that DejaVu has not, for labels of one's own."""


@cache
def _families() -> list[str]:
    from matplotlib.font_manager import fontManager

    there = {font.name for font in fontManager.ttflist}
    return ["DejaVu Sans", *(family for family in _OTHER_SCRIPTS if family in there)]


@contextmanager
def letters_told() -> Iterator[None]:
    """Inside, a letter that no font has is told once, where Matplotlib warns of each at each place."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", _NO_GLYPH)
        yield
    for each in caught:
        if str(each.message).startswith(_NO_GLYPH):
            _tell_letters()
        else:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)


_NO_GLYPH: Final = "Glyph "


@cache
def _tell_letters() -> None:
    log.warning(
        "the PNG files of the figures show boxes for some letters of the labels, which no font of this machine has: "
        "the page and the SVG files show them; a font such as Noto Sans CJK mends it"
    )


def laid_out(figure: "Figure") -> "Figure":
    """The figure with everything in its place, so that each file of it need only be written; inside `styled`.

    Finding the places takes as long as drawing, and `savefig` would do both for each file.
    """
    figure.set_dpi(DPI)
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        # Not "none", whose stand-in has `savefig` draw each file once more in vain.
        figure.set_layout_engine(None)
    return figure


def png_of(figure: "Figure") -> bytes:
    """The PNG file of a figure; inside `styled`."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


def svg_of(figure: "Figure") -> str:
    """The SVG file of a figure on a transparent ground, for the two functions below; inside `styled`."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    marks = {drawn.get_gid(): drawn for drawn in _TEXTS if drawn.get_figure(root=True) is figure}
    # A group without a mark ends in its own tag; its name would differ from drawing to drawing.
    svg = re.sub(r'<g id="values-\d+"/>', "<g/>", buffer.getvalue())
    return _MARKS.sub(lambda found: _with_titles(found[2], marks[found[1]]), svg)


_MARKS: Final = re.compile(r'<g id="(values-\d+)">(.*?)(?=<g id="|</svg>)', re.DOTALL)
"""What `show_values` marked, up to the next drawn thing."""

_TEXTS: Final[WeakKeyDictionary["Line2D", tuple[str, ...]]] = WeakKeyDictionary()


def show_values(drawn: "Line2D", values: Sequence[str]) -> None:
    """Gives each mark of what was plotted a text, which a browser shows under the pointer, also without a network.

    Args:
        drawn: the marks.
        values: one text a point; that of a point which is not a number is not used.
    """
    _TEXTS[drawn] = tuple(values)
    drawn.set_gid(f"values-{id(drawn)}")


def _with_titles(drawn: str, marks: "Line2D") -> str:
    """The drawing of some marks with their texts."""
    from markupsafe import escape

    figure = marks.get_figure(root=True)
    assert figure is not None
    points = marks.get_transform().transform(marks.get_xydata()) * 72 / figure.dpi
    points[:, 1] = 72 * figure.get_figheight() - points[:, 1]

    # By place, not by number: Matplotlib leaves points out that lie beyond the figure's edge, and adds others on the
    # edge where a line between two of them would cross it. Those are no marks.
    def titled(use: re.Match[str]) -> str:
        away = np.abs(points - [float(use[2]), float(use[3])]).max(axis=1)
        nearest = int(np.argmin(np.where(np.isnan(away), np.inf, away)))
        return f"<use {use[1]}><title>{escape(_TEXTS[marks][nearest])}</title></use>" if away[nearest] < 0.01 else ""

    return "<g>" + re.sub(r'<use ([^>]*\bx="([^"]+)" y="([^"]+)"[^>]*)/>', titled, drawn)


def printed_svg(svg: str) -> str:
    """The file of `svg_of` on white."""
    ground = f'<rect width="100%" height="100%" fill="{PRINT.surface}"/>'
    return re.sub(r"(<svg\b[^>]*>)", rf"\1\n {ground}", svg, count=1)


def inline_svg(svg: str, *, key: str, title: str) -> str:
    """The file of `svg_of` as an `<svg>` element in the page's colours; the same each time.

    Args:
        svg: the file.
        key: the figure's name on its page; the ids inside begin with it.
        title: what screen readers say of it.
    """
    from markupsafe import escape

    svg = svg[svg.index("<svg") :]
    # Matplotlib's style element would reach beyond the figure; the page's own styles say the same of figures alone.
    svg = re.sub(r"<(metadata|style)\b.*?</\1>", "", svg, flags=re.DOTALL)
    for colour, variable in _VARIABLES.items():
        svg = re.sub(re.escape(colour) + r"\b", f"var({variable})", svg, flags=re.IGNORECASE)
    referenced = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', svg))
    svg = re.sub(r' id="([^"]+)"', lambda found: f' id="{key}-{found[1]}"' if found[1] in referenced else "", svg)
    svg = re.sub(r'(url\(#|href="#)', rf"\g<1>{key}-", svg)
    # The size comes from the page; the view box keeps the proportions.
    svg = re.sub(r' (width|height)="[\d.]+pt"', "", svg, count=2)
    return svg.replace("<svg", f'<svg role="img" aria-label="{escape(title)}"', 1).strip()


def line(
    axes: "Axes", epochs: Sequence[Mapping[str, Any]], key: str, scale: float, colour: str, style: Any, label: str
) -> None:
    """One score of every epoch that has it, `scale` times; `key` names it in `metrics.jsonl`."""
    known = [(epoch["epoch"] + 1, scale * epoch[key]) for epoch in epochs if epoch.get(key) is not None]
    places, values = ([place for place, _ in known], [value for _, value in known])
    # A run of one epoch is a point, which a line alone would not show.
    few = len(known) < 3
    axes.plot(places, values, color=colour, linestyle=style, marker="o" if few else None, label=label)
    # Marks to point at, seen only under the pointer.
    (marks,) = axes.plot(
        places, values, linestyle="none", marker="o", markersize=9, markeredgewidth=0, color=(0, 0, 0, 0)
    )
    show_values(marks, [f"{label}, epoch {place}: {value:.4g}" for place, value in known])


def dots(
    axes: "Axes",
    estimates: Sequence[Estimate],
    places: npt.NDArray[np.generic],
    colour: str,
    marker: str,
    label: str,
) -> None:
    """Dots with whiskers, in percent, along the horizontal axis."""
    value = 100 * np.array([estimate.value for estimate in estimates])
    low = 100 * np.array([estimate.low for estimate in estimates])
    high = 100 * np.array([estimate.high for estimate in estimates])
    axes.hlines(places, low, high, color=colour, linewidth=1.6, clip_on=False)
    (marks,) = axes.plot(
        value, places, linestyle="none", marker=marker, markersize=6, color=colour, label=label, clip_on=False
    )
    known = zip(value, low, high, strict=True)
    within = {True: "{:.1f} to {:.1f}", False: "no interval"}
    show_values(
        marks,
        [f"{label}: {v:.1f} % ({within[bool(np.isfinite(a))].format(a, b)})" for v, a, b in known],
    )


def short_names(names: Sequence[str], *, limit: int = 22) -> dict[str, str]:
    """Each name in at most `limit` characters, told apart.

    What all names begin with ("2026-11-21_") is dropped where one is too long; what is still too long loses its middle,
    because the ends tell runs apart. Names that come out alike get their place in `names` in front.

    Args:
        names: unique.
        limit: 8 or more.
    """
    if all(len(name) <= limit for name in names):
        return {name: name for name in names}
    shared = _shared_beginning(names)
    short = {name: _without_middle(name[shared:], limit) for name in names}
    texts = list(short.values())
    return {
        name: text if texts.count(text) == 1 else f"{place} {_without_middle(text, limit - len(str(place)) - 1)}"
        for place, (name, text) in enumerate(short.items(), start=1)
    }


def _shared_beginning(names: Sequence[str]) -> int:
    """Length of what all names begin with, up to the last separator, so that no word is cut."""
    if len(names) < 2:
        return 0
    first, last = min(names), max(names)
    same = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return max(first.rfind(separator, 0, same) for separator in "_-/ .") + 1


def _without_middle(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    kept = limit - 1
    return f"{text[: kept // 3]}…{text[-(kept - kept // 3) :]}"
