"""Where a heat map lies on a face, in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

REGIONS: Final[Mapping[str, tuple[float, float, float, float]]] = {
    "forehead": (0.0, 0.2, 0.06, 0.94),
    "eyes and brows": (0.2, 0.48, 0.06, 0.94),
    "nose and cheeks": (0.48, 0.66, 0.06, 0.94),
    "mouth": (0.66, 0.96, 0.2, 0.8),
}
"""(top, bottom, left, right) of each part as fractions of a face framed as FER-2013 frames it; eyes and mouth are those
of the training side's named regions. What no part holds is "edge of the picture"."""

EDGE: Final = "edge of the picture"

SPREAD: Final = 1.25
"""A part stands out where it holds this many times its share of the area."""

MOST: Final = 0.5
"""Of a part that holds no more than half of the map nobody can say that most lies in it."""

FAINT: Final = 0.1
"""A label of a lower probability is no prediction: the model has other, likelier ones."""


@dataclass(frozen=True, kw_only=True)
class RegionShares:
    """Where a map lies.

    Attributes:
        shares: part -> share of the map's sum in [0, 1], largest first; they sum to 1, or are all 0 for an empty map.
        standing_out: the parts that hold clearly more than their share of the area, largest first.
        sentence: the same in words.
    """

    shares: Mapping[str, float]
    standing_out: tuple[str, ...]
    sentence: str


def locate_evidence(heat_HW: npt.NDArray[np.float32], label: str, *, probability: float) -> RegionShares:
    """Says which parts of the face the evidence for a label lies in.

    Args:
        heat_HW: map (H, W) of a framed face, values in [0, 1], higher is more evidence; its highest is 1 however
            little evidence there is.
        label: the emotion the map is for.
        probability: of the label, in [0, 1]: what the map explains.
    """
    height, width = heat_HW.shape
    of_part = np.full((height, width), -1)
    for index, (top, bottom, left, right) in enumerate(REGIONS.values()):
        of_part[round(top * height) : round(bottom * height), round(left * width) : round(right * width)] = index
    names = [*REGIONS, EDGE]
    masks = [of_part == index for index in (*range(len(REGIONS)), -1)]
    total = float(heat_HW.sum())
    if total <= 0:
        return RegionShares(
            shares=dict.fromkeys(names, 0.0),
            standing_out=(),
            sentence=f"The map found no evidence for {label} anywhere.",
        )
    warning = f"The model gives {label} only {in_percent(probability)}, so there is next to nothing to explain. "
    warning = warning if probability < FAINT else ""
    shares = {name: float(heat_HW[mask].sum()) / total for name, mask in zip(names, masks, strict=True)}
    areas = {name: float(mask.mean()) for name, mask in zip(names, masks, strict=True)}
    shares = dict(sorted(shares.items(), key=lambda item: -item[1]))
    standing_out = [name for name, share in shares.items() if share > SPREAD * areas[name] and share >= 0.15]
    if not standing_out:
        sentence = f"{warning}The evidence for {label} is spread over the whole face."
        return RegionShares(shares=shares, standing_out=(), sentence=sentence)
    first, *others = standing_out
    where = f"lies in the {first} ({shares[first]:.0%} of the map"
    where += f"), then in the {others[0]} ({shares[others[0]]:.0%})." if others else ")."
    if probability < FAINT:
        start = f"{warning}What little there is "
    elif shares[first] <= MOST:
        start = f"More than elsewhere, what speaks for {label} ({in_percent(probability)}) "
    else:
        start = f"Most of what speaks for {label} ({in_percent(probability)}) "
    return RegionShares(shares=shares, standing_out=tuple(standing_out), sentence=start + where)


def in_percent(share: float) -> str:
    """A share in [0, 1] as "94%"; below 1 % with a decimal, "0.7%", and below 0.1 % as "under 0.1%"."""
    if share < 0.001:
        return "under 0.1%"
    return f"{share:.1%}" if share < 0.01 else f"{share:.0%}"


def shrink(heat_HW: npt.NDArray[np.float32], *, side: int) -> list[list[float]]:
    """The map averaged down to at most `side` cells each way, two decimals, as rows: a few kB of JSON."""
    height, width = heat_HW.shape
    rows, columns = min(side, height), min(side, width)
    sums = np.add.reduceat(heat_HW, np.arange(rows) * height // rows, axis=0)
    sums = np.add.reduceat(sums, np.arange(columns) * width // columns, axis=1)
    heights = np.diff(np.append(np.arange(rows) * height // rows, height))
    widths = np.diff(np.append(np.arange(columns) * width // columns, width))
    means = sums / np.outer(heights, widths)
    return [[round(float(value), 2) for value in row] for row in means]
