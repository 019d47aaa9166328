"""A copy of FER-2013 as it was read, before it is held against the original."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from fer.data.samples import FaceSamples

SIDE: Final = 48
"""Height and width of a picture of FER-2013."""

NO_SPLIT: Final = ""
"""Stands in `FaceSamples.splits` until the split is known."""


@dataclass(frozen=True, kw_only=True)
class RawCopy:
    """What a reader makes of files.

    Attributes:
        samples: with splits as the layout says, `NO_SPLIT` where it says none.
        labelled: whether the layout says labels; they are all 0 otherwise.
        sizes: (width, height) the pictures had -> how many had it; they are 48 x 48 in `samples`.
    """

    samples: FaceSamples
    labelled: bool = True
    sizes: Mapping[tuple[int, int], int]

    @property
    def resized(self) -> str:
        """The sizes that are not 48 x 48, in words; empty where all are."""
        others = [size for size in self.sizes if size != (SIDE, SIDE)]
        return (
            "" if not others else f"{others[0][0]} x {others[0][1]} pixels" if len(self.sizes) == 1 else "several sizes"
        )
