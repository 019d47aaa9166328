"""Which parts of a drawn face make its emotion: the truth that maps of synthetic faces are held against."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from fer.common.labels import EMOTIONS
from fer.data.samples import FaceSamples

UNITS_OF: Final[Mapping[str, tuple[int, ...]]] = {
    "brows": (1, 2, 4),
    "eyes": (5, 6, 7, 43),
    "mouth": (10, 12, 15, 16, 17, 20, 23, 25, 26),
}
"""Part -> the action units whose muscle moves it. AU 9 wrinkles the nose, which has no mask of its own."""

MOVED_FROM: Final = 0.4
"""Mean activation from which a part counts as moved: below it the part looks much as at rest."""


def moved_parts() -> dict[str, tuple[str, ...]]:
    """Emotion -> the parts its action units move, from the recipes that the faces are drawn by; none for neutral.

    A part's activation is that of its strongest unit, averaged over the ways in which the emotion is shown.
    """
    from fer.data.synthetic.action_units import RECIPES

    return {
        emotion: tuple(
            part
            for part, units in UNITS_OF.items()
            if sum(share * max((recipe.get(unit, 0.0) for unit in units), default=0.0) for share, recipe in ways)
            >= MOVED_FROM
        )
        for emotion, ways in RECIPES.items()
    }


def truth_masks(samples: FaceSamples, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Bool array (N, H, W): for each row of `samples` the visible pixels of the parts that make its label's emotion."""
    parts = moved_parts()
    masks = np.zeros((len(rows), *samples.images.shape[2:]), dtype=bool)
    for n, row in enumerate(rows.tolist()):
        for part in parts[EMOTIONS[samples.labels[row]]]:
            masks[n] |= samples.masks[part][row]
    return masks
