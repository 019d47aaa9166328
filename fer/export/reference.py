"""What a model saw and said where it was measured, as the numbers a drift log compares with."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from fer.runtime.facts import Reference
from fer.runtime.statistics import brightness, sharpness

_LEAST_STD: Final = 1e-6
"""A statistic that never varies (the confidence of a baseline) still gets a standard deviation to divide by."""


def drift_reference(
    faces: npt.NDArray[np.uint8], probabilities: npt.NDArray[np.float32], *, labels: Sequence[str], split: str
) -> Reference:
    """Shares of the labels, and mean and standard deviation of confidence, brightness and sharpness.

    Selection faces, not training ones: of faces it was trained on a model is surer than of any it will meet.

    Args:
        faces: uint8 (N, S, S).
        probabilities: of these faces, (N, K).
        labels: K names, in the order of the probabilities.
        split: what they are.
    """
    counts = np.bincount(probabilities.argmax(axis=1), minlength=len(labels))
    statistics = {
        "confidence": probabilities.max(axis=1).astype(np.float64),
        "brightness": brightness(faces),
        "sharpness": sharpness(faces),
    }
    return Reference(
        split=split,
        n=len(faces),
        labels={label: float(count / len(faces)) for label, count in zip(labels, counts, strict=True)},
        means={name: float(values.mean()) for name, values in statistics.items()},
        deviations={name: max(float(values.std()), _LEAST_STD) for name, values in statistics.items()},
    )
