"""Pictures of a data set: class balance, faces of every class, what an audit found."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from fer.common.errors import DataError, MissingExtraError
from fer.data.audit import Finding, class_table
from fer.data.samples import FaceSamples, Split

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAPER: Final = "#fbfaf7"
INK: Final = "#22252b"
FAINT: Final = "#6f747d"

# Okabe and Ito's palette: told apart with every kind of colour blindness, and by lightness in print.
SPLIT_COLOURS: Final[Mapping[str, str]] = {
    Split.TRAINING: "#0072b2",
    Split.PUBLIC: "#e69f00",
    Split.PRIVATE: "#009e73",
    Split.MERGED_TEST: "#cc79a7",
}

FINDING_TITLES: Final[Mapping[str, str]] = {
    "copy-of-training": "Test images that equal a Training image",
    "copy-of-public": "Test images that equal a PublicTest image",
    "near": "Near-duplicates of a Training image",
    "conflicting": "Equal images with different labels",
    "within": "Images that repeat another of their split",
    "blank": "Blank images",
    "non-face": "Not a face, say the FER+ voters",
}

_DPI = 100
_CELL = 96
_GAP = 12
_MARGIN = 32


def save_figure(figure: "Figure", path: Path) -> Path:
    """Writes a PNG at the figure's own resolution; makes missing folders.

    Raises:
        DataError: the path cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="png", dpi=_DPI, facecolor=figure.get_facecolor())
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror}; choose another path with --out") from error
    return path


def class_balance_figure(samples: FaceSamples) -> "Figure":
    """Horizontal bars: the images of every class, a panel a split, each with its number and share."""
    table = class_table(samples)
    figure = _figure(
        width=260 + 330 * len(table), height=430 if len(samples.classes) <= 8 else 100 + 42 * len(samples.classes)
    )
    grid = figure.add_gridspec(
        1, len(table), left=110 / (260 + 330 * len(table)), right=0.96, top=0.74, bottom=0.06, wspace=0.12
    )
    for column, (split, counts) in enumerate(table.items()):
        axes = figure.add_subplot(grid[0, column])
        axes.set_facecolor(PAPER)
        values, total = list(counts.values()), sum(counts.values())
        axes.barh(list(counts), values, color=SPLIT_COLOURS[split], height=0.68)
        axes.invert_yaxis()
        axes.set_xlim(0, max(values) * 1.42)
        for row, value in enumerate(values):
            axes.text(
                value + max(values) * 0.02, row, f"{value:,}", va="center", ha="left", color=INK, fontsize=10
            ).set_in_layout(False)
            axes.text(
                max(values) * 1.41,
                row,
                f"{100 * value / total:.1f} %",
                va="center",
                ha="right",
                color=FAINT,
                fontsize=9,
            )
        axes.set_title(f"{split}  ·  {total:,}", loc="left", fontsize=11, color=INK, pad=8)
        axes.tick_params(length=0, labelsize=10, labelcolor=INK, labelleft=column == 0)
        axes.set_xticks([])
        for side in axes.spines.values():
            side.set_visible(False)
    figure.text(110 / (260 + 330 * len(table)), 0.9, "Images per class", fontsize=15, color=INK, weight="bold")
    figure.text(0.96, 0.9, samples.source, fontsize=10, color=FAINT, ha="right")
    return figure


def sample_grid_figure(
    samples: FaceSamples, *, split: str, columns: int = 10, seed: int = 0, drawn: bool = False
) -> "Figure":
    """Random faces, a row a label.

    Args:
        samples: faces.
        split: a value of `Split`.
        columns: faces a row; a class with fewer shows what it has.
        seed: names the choice; the same seed shows the same faces.
        drawn: the faces were drawn for this picture, so neither their number nor the choice among them says anything.

    Raises:
        DataError: the split has no images.
    """
    of_split = samples.splits == split
    if not of_split.any():
        present = ", ".join(sorted({str(name) for name in samples.splits}))
        raise DataError(f"{samples.source} has no {split} images: choose one of {present}")
    rng = np.random.default_rng(seed)
    rows = []
    for label in range(len(samples.classes)):
        candidates = np.flatnonzero(of_split & (samples.labels == label))
        rows.append(rng.choice(candidates, size=min(columns, len(candidates)), replace=False))
    head, gutter = 84, 128
    width = max(560, gutter + columns * (_CELL + _GAP) - _GAP + _MARGIN)  # room for the title
    height = head + len(rows) * (_CELL + _GAP) - _GAP + _MARGIN
    canvas = _Canvas(width=width, height=height)
    for row, chosen in enumerate(rows):
        top = head + row * (_CELL + _GAP)
        for column, index in enumerate(chosen.tolist()):
            canvas.paste(samples.images[index], left=gutter + column * (_CELL + _GAP), top=top)
        middle = top + _CELL / 2
        canvas.write(samples.classes[row], x=_MARGIN, y=middle if drawn else middle - 8, size=13, weight="bold")
        if not drawn:
            count = int((of_split & (samples.labels == row)).sum())
            canvas.write(f"{count:,}", x=_MARGIN, y=middle + 12, size=10, colour=FAINT)
    canvas.write(samples.source[:1].upper() + samples.source[1:], x=_MARGIN, y=38, size=17, weight="bold")
    canvas.write(
        split if drawn else f"{split}  ·  seed {seed}", x=width - _MARGIN, y=38, size=11, colour=FAINT, align="right"
    )
    return canvas.figure()


_PER_KIND: Final = 8
"""Pictures in the row of a kind of finding; pairs count as two."""


def findings_figure(samples: FaceSamples, *, findings: Sequence[Finding]) -> "Figure":
    """What an audit found: for every kind some images, beside the image each of them repeats.

    Args:
        samples: the audited samples.
        findings: `AuditReport.findings`.

    Raises:
        DataError: there are no findings to show.
    """
    row_of = {str(name): row for row, name in enumerate(samples.ids)}
    shown = {kind: _tiles(samples, findings, kind=kind, row_of=row_of)[:_PER_KIND] for kind in FINDING_TITLES}
    shown = {kind: tiles for kind, tiles in shown.items() if tiles}
    if not shown:
        raise DataError("the audit found nothing, so there is nothing to show")
    head, block = 84, _CELL + 88
    width = 2 * _MARGIN + _PER_KIND * (_CELL + _GAP) - _GAP
    canvas = _Canvas(width=width, height=head + block * len(shown))
    for position, (kind, tiles) in enumerate(shown.items()):
        top = head + position * block
        # The first of equal images in a split is on the list, but repeats nothing.
        total = sum(finding.kind == kind and (kind != "within" or finding.of != "") for finding in findings)
        canvas.write(FINDING_TITLES[kind], x=_MARGIN, y=top + 4, size=12, weight="bold")
        canvas.write(f"{total:,} images", x=width - _MARGIN, y=top + 4, size=10, colour=FAINT, align="right")
        for column, (row, caption) in enumerate(tiles):
            left = _MARGIN + column * (_CELL + _GAP)
            canvas.paste(samples.images[row], left=left, top=top + 18)
            split = str(samples.splits[row]).removesuffix("Test") or "Test"
            canvas.write(samples.classes[samples.labels[row]], x=left, y=top + _CELL + 29, size=9)
            canvas.write(f"{split}{caption}", x=left, y=top + _CELL + 43, size=8, colour=FAINT)
    canvas.write("What the audit found", x=_MARGIN, y=38, size=17, weight="bold")
    canvas.write(samples.source, x=width - _MARGIN, y=38, size=11, colour=FAINT, align="right")
    return canvas.figure()


def _tiles(
    samples: FaceSamples, findings: Sequence[Finding], *, kind: str, row_of: Mapping[str, int]
) -> list[tuple[int, str]]:
    """Rows to show for one kind, with a word for the caption: a pair a group, an image and the one it repeats."""
    tiles: list[tuple[int, str]] = []
    groups: set[str] = set()
    blank = {finding.row for finding in findings if finding.kind == "blank"}
    for finding in findings:
        if finding.kind != kind or finding.group in groups or (kind != "blank" and finding.row in blank):
            continue
        if kind in ("blank", "non-face"):
            tiles.append((finding.row, ""))
        elif finding.of:
            original = row_of[finding.of]
            if kind == "conflicting" and samples.labels[original] == samples.labels[finding.row]:
                continue
            groups.add(finding.group)
            tiles += [(finding.row, f" · {finding.ncc:.3f}" if kind == "near" else ""), (original, "")]
    return tiles


def _figure(*, width: int, height: int) -> "Figure":
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("plots need matplotlib: install it with `pip install 'ferlab[train]'`") from error
    return Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI, facecolor=PAPER)


class _Canvas:
    """A picture laid out in pixels from the top left: faces pasted at twice their size, and words."""

    def __init__(self, *, width: int, height: int) -> None:
        self._size = (width, height)
        self._figure = _figure(width=width, height=height)
        paper = [int(PAPER[i : i + 2], 16) for i in (1, 3, 5)]
        self._pixels_HWC = np.full((height, width, 3), paper, dtype=np.float32)
        self._shape_HW1 = _rounded(_CELL, radius=10)

    def paste(self, image_CHW: npt.NDArray[np.uint8], *, left: int, top: int) -> None:
        import cv2

        image_HWC = np.moveaxis(np.asarray(image_CHW), 0, -1)
        # Cubic, not nearest: at twice the size, squares would hide the expression that the net does see.
        face: npt.NDArray[Any] = cv2.resize(image_HWC, (_CELL, _CELL), interpolation=cv2.INTER_CUBIC)
        region = self._pixels_HWC[top : top + _CELL, left : left + _CELL]
        region += self._shape_HW1 * (face.reshape(_CELL, _CELL, -1).astype(np.float32) - region)

    def write(
        self,
        text: str,
        *,
        x: float,
        y: float,
        size: int,
        colour: str = INK,
        weight: str = "normal",
        align: str = "left",
    ) -> None:
        """`text` with its middle line at `y`."""
        width, height = self._size
        self._figure.text(
            x / width, 1 - y / height, text, fontsize=size * 72 / _DPI * 1.1, color=colour, weight=weight, ha=align,
            va="center_baseline",
        )  # fmt: skip

    def figure(self) -> "Figure":
        self._figure.figimage(np.clip(self._pixels_HWC, 0, 255).astype(np.uint8), origin="upper")
        return self._figure


def _rounded(side: int, *, radius: int) -> npt.NDArray[np.float32]:
    """Cover of a square with round corners, float32 (side, side, 1) in [0, 1], smooth at its edge."""
    offset = np.abs(np.arange(side) + 0.5 - side / 2)
    beyond = np.clip(offset - (side / 2 - radius), 0, None)
    distance = np.hypot(beyond[:, None], beyond[None, :])
    cover: npt.NDArray[np.float32] = np.clip(radius - distance + 0.5, 0, 1).astype(np.float32)
    return cover[:, :, None]
