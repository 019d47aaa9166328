"""What a section of the page is made of: charts, pictures and the cells of its tables."""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fer.metrics import Estimate
from fer.report.page.figures import (
    PRINT,
    Palette,
    inline_svg,
    laid_out,
    letters_told,
    png_of,
    printed_svg,
    styled,
    svg_of,
)
from fer.report.page.wording import interval, number

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A figure of the page, which stands beside it as PNG and SVG too.

    Attributes:
        key: names it on its page and as a file; unique within a report.
        caption: what it shows, with split, protocol and n; screen readers read it.
        draw: makes the figure in a palette's colours.
    """

    key: str
    caption: str
    draw: "Callable[[Palette], Figure]"

    @property
    def svg(self) -> str:
        """The figure as an element of the page, in the page's colours."""
        return inline_svg(self._files[1], key=f"figure-{self.key}", title=self.caption)

    def file(self, kind: str) -> bytes:
        """The figure as a file on white: kind "png" (160 dots an inch) or "svg"; the same bytes each time."""
        png, svg = self._files
        return printed_svg(svg).encode() if kind == "svg" else png

    @cached_property
    def _files(self) -> tuple[bytes, str]:
        """PNG and SVG of a figure that is drawn once, for the page and for both files."""
        with styled(PRINT), letters_told():
            figure = laid_out(self.draw(PRINT))
            return png_of(figure), svg_of(figure)


@dataclass(frozen=True, kw_only=True)
class Section:
    """One part of the page.

    Attributes:
        key: its anchor.
        title: its heading.
        template: path under `fer/report/` of what renders it ("calibration/section.html.j2").
        context: what its template shows; strings are escaped there.
        charts: its figures, which its template finds under `charts`.
        lead: what is seen of it while it is folded; a sentence.
        folded: whether the page shows its lead alone until it is opened.
    """

    key: str
    title: str
    template: str
    context: Mapping[str, Any]
    charts: tuple[Chart, ...] = field(default=())
    lead: str = ""
    folded: bool = True


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A score in a table: what is shown, its interval, and the number it sorts by."""

    text: str
    interval: str
    sort: float


def cell(metric: str, estimate: Estimate) -> Cell:
    """A score's cell."""
    return Cell(text=number(metric, estimate.value), interval=interval(metric, estimate), sort=estimate.value)


Images = npt.NDArray[np.uint8]


def png(picture: Images) -> bytes:
    """RGB picture -> PNG file."""
    return _encode(picture, ".png", ())


def webp(picture: Images) -> bytes:
    """RGB picture -> WebP file, a tenth of the PNG's size, for the page."""
    import cv2

    return _encode(picture, ".webp", (cv2.IMWRITE_WEBP_QUALITY, 85))


def _encode(picture: Images, suffix: str, arguments: Sequence[int]) -> bytes:
    import cv2

    done, encoded = cv2.imencode(suffix, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), list(arguments))
    assert done, suffix
    return bytes(encoded)


def data_uri(content: bytes, kind: str) -> str:
    """A picture as the page carries it."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
