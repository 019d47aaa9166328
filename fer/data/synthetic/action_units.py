"""Seven expressions as facial action units (AUs), and how people and moments vary them.

An AU is the visible trace of one muscle (P. Ekman, W. Friesen, J. Hager, "Facial Action Coding System", 2002); which
AUs make which emotion is EMFACS (W. Friesen, P. Ekman, 1983) and its common prototypes (Lucey et al., "The Extended
Cohn-Kanade Dataset (CK+)", CVPR-W 2010, table 1; Du et al., PNAS 2014, table 1).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from fer.common.errors import DataError
from fer.common.labels import EMOTIONS

ACTION_UNITS: Final[Mapping[int, str]] = MappingProxyType(
    {
        1: "inner brow raiser",
        2: "outer brow raiser",
        4: "brow lowerer",
        5: "upper lid raiser",
        6: "cheek raiser",
        7: "lid tightener",
        9: "nose wrinkler",
        10: "upper lip raiser",
        12: "lip corner puller",
        15: "lip corner depressor",
        16: "lower lip depressor",
        17: "chin raiser",
        20: "lip stretcher",
        23: "lip tightener",
        25: "lips part",
        26: "jaw drop",
        43: "eyes closed",
    }
)
"""The action units the faces can show, by FACS number."""

AU_SLOTS: Final = 44
"""Rows of an activation array: a row for every FACS number up to 43, so that `activation[12]` is AU 12."""

STRONGEST: Final = 1.25
"""The largest activation a face can show."""

RECIPES: Final[Mapping[str, tuple[tuple[float, Mapping[int, float]], ...]]] = MappingProxyType(
    {
        # (how often, {AU: activation at full intensity}); the first of each is the textbook prototype.
        "angry": (
            (0.45, {4: 1.0, 5: 0.55, 7: 0.7, 23: 1.0, 17: 0.45}),
            (0.30, {4: 1.0, 5: 0.5, 7: 0.7, 10: 0.55, 16: 0.6, 23: 0.2, 25: 0.7, 26: 0.25}),
            (0.25, {4: 1.0, 5: 0.7, 7: 0.5, 10: 0.5, 16: 0.5, 25: 0.9, 26: 0.7}),
        ),
        "disgust": (
            (0.45, {9: 1.0, 4: 0.45, 7: 0.5, 15: 0.7, 16: 0.35, 25: 0.2, 10: 0.6}),
            (0.30, {9: 0.85, 4: 0.4, 7: 0.5, 10: 1.0, 17: 0.8, 15: 0.5}),
            (0.25, {9: 1.0, 4: 0.5, 6: 0.4, 7: 0.6, 10: 0.9, 16: 0.6, 25: 0.8, 26: 0.2}),
        ),
        "fear": (
            (0.60, {1: 1.0, 2: 0.55, 4: 0.75, 5: 1.0, 7: 0.25, 20: 0.9, 25: 0.6, 26: 0.35}),
            (0.25, {1: 1.0, 2: 0.5, 4: 0.8, 5: 1.0, 20: 1.0, 25: 0.25}),
            (0.15, {1: 0.9, 2: 0.6, 4: 0.6, 5: 1.0, 20: 0.7, 25: 0.8, 26: 0.8}),
        ),
        "happy": (
            (0.55, {6: 0.8, 12: 1.0, 25: 0.7}),
            (0.25, {6: 0.7, 12: 0.95}),
            (0.20, {6: 1.0, 12: 1.0, 25: 1.0, 26: 0.6}),
        ),
        "sad": (
            (0.60, {1: 1.0, 4: 0.6, 15: 1.0, 17: 0.35, 43: 0.25}),
            (0.25, {1: 0.9, 4: 0.7, 15: 0.8, 17: 0.8, 7: 0.2}),
            (0.15, {1: 1.0, 4: 0.5, 15: 0.7, 20: 0.25, 25: 0.45, 43: 0.35}),
        ),
        "surprise": (
            (0.60, {1: 1.0, 2: 1.0, 5: 0.85, 25: 0.6, 26: 0.9}),
            (0.25, {1: 0.9, 2: 1.0, 5: 0.7, 25: 0.5, 26: 0.5}),
            (0.15, {1: 1.0, 2: 1.0, 5: 1.0, 25: 0.8, 26: 1.2}),
        ),
        "neutral": ((1.0, {}),),
    }
)
"""How each emotion is shown, and how often in which way."""

Activation = npt.NDArray[np.float64]
"""float64 array (44, 2): activation of every action unit, image-left and image-right side; 0 is rest, 1 is strong."""


def activation_of(units: Mapping[int, float]) -> Activation:
    """The same activation on both sides of the face, from {FACS number: activation}.

    Raises:
        DataError: for an action unit that is not drawn, or an activation outside [0, 1.25].
    """
    activation = np.zeros((AU_SLOTS, 2))
    for unit, strength in units.items():
        if unit not in ACTION_UNITS:
            raise DataError(f"action unit {unit} is not drawn: expected some of {', '.join(map(str, ACTION_UNITS))}")
        if not 0.0 <= strength <= STRONGEST:
            raise DataError(f"action unit {unit} at {strength} is out of range: expected 0 to {STRONGEST:g}")
        activation[unit] = strength
    return activation


def prototype(emotion: str) -> Activation:
    """Textbook activation of an emotion of `fer.common.labels.EMOTIONS`, at full intensity and without asymmetry."""
    return activation_of(RECIPES[emotion][0][1])


_RECIPE_ARRAYS: Final = {
    emotion: (
        np.cumsum([share for share, _ in RECIPES[emotion]]),
        [activation_of(units)[:, 0] for _, units in RECIPES[emotion]],
    )
    for emotion in EMOTIONS
}
_DRAWN: Final = np.array([unit in ACTION_UNITS for unit in range(AU_SLOTS)], dtype=np.float64)


def draw_activation(rng: np.random.Generator, emotion: str, *, intensity: float, difficulty: float) -> Activation:
    """One moment of an emotion: a way of showing it, uneven AUs, uneven sides, stray muscle tone.

    Args:
        rng: the sample's own generator; always advanced by the same number of draws.
        emotion: name in `fer.common.labels.EMOTIONS`.
        intensity: strength of the expression, 0 (none) to 1 (full).
        difficulty: 0 (textbook) to 1 (as unruly as snapshots): spread of AUs, asymmetry and stray tone.
    """
    shares, recipes = _RECIPE_ARRAYS[emotion]
    recipe = recipes[min(int(np.searchsorted(shares, rng.random() * shares[-1])), len(recipes) - 1)]
    gain, side, stray = rng.standard_normal((3, AU_SLOTS))
    # Muscles that belong to the expression vary in proportion; the others twitch a little at rest.
    shared = recipe * intensity * np.exp(0.5 * difficulty * gain)
    tone = _DRAWN * np.maximum(0.0, 0.26 * difficulty * stray)
    tilt = np.clip(0.20 * difficulty * side, -0.45, 0.45)
    total = np.minimum(shared + tone, STRONGEST)
    return np.stack([total * (1.0 - tilt), total * (1.0 + tilt)], axis=1)
