"""Regions of a face picture, named; import-light, so that a config naming one is checked before torch loads."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

from fer.common.errors import ConfigError

Part = Literal["upper", "lower", "left", "right", "eyes", "mouth"]
Region = Part | Literal["full"]

HALVES: Final[tuple[Part, ...]] = ("upper", "lower", "left", "right")
"""The halves of the occlusion study."""

EXTENTS: Final[Mapping[str, tuple[float, float, float, float]]] = MappingProxyType(
    {
        "full": (0.0, 1.0, 0.0, 1.0),
        "upper": (0.0, 0.5, 0.0, 1.0),
        "lower": (0.5, 1.0, 0.0, 1.0),
        "left": (0.0, 1.0, 0.0, 0.5),
        "right": (0.0, 1.0, 0.5, 1.0),
        "eyes": (0.2, 0.48, 0.06, 0.94),
        "mouth": (0.66, 0.96, 0.2, 0.8),
    }
)
"""(top, bottom, left, right) of each region, as fractions of height and width. Left and right are those of the picture,
so "left" holds the right eye of the person. Eyes (with the brows) and mouth were read off the mean of FER-2013's 28,709
Training faces and of its seven classes (brows from 0.24, pupils at 0.36, cheeks from 0.46; folds of a smile from 0.66,
lips between 0.74 and 0.92), with a margin for loosely framed faces."""


def region_box(region: str, *, height: int, width: int) -> tuple[int, int, int, int]:
    """Pixel box (top, bottom, left, right), ends excluded, of a region in a picture of `height` x `width` pixels.

    Opposite halves share their rounded border, so they partition pictures of odd size too.

    Raises:
        ConfigError: for an unknown region.
    """
    if region not in EXTENTS:
        raise ConfigError(f"unknown face region {region!r}: expected one of {', '.join(EXTENTS)}")
    top, bottom, left, right = EXTENTS[region]
    return int(top * height + 0.5), int(bottom * height + 0.5), int(left * width + 0.5), int(right * width + 0.5)
