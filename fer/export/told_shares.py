"""Shares of the emotions that were told to a model, and what it takes for granted once a temperature is on top."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ToldShares:
    """A change of the class prior, p'(c) ~ p(c) new(c) / old(c).

    Attributes:
        old: float64 array (K,), what the model took for granted before: the mean of its probabilities.
        new: float64 array (K,), what it was told.
    """

    old: Floats
    new: Floats

    @classmethod
    def of(cls, probabilities_NK: npt.NDArray[np.floating], shares: Sequence[float]) -> Self:
        """The change from what the probabilities of the selection faces say."""
        return cls(probabilities_NK.mean(axis=0, dtype=np.float64), np.asarray(shares, np.float64))

    def after(self, probabilities_NK: npt.NDArray[np.floating], *, temperature: float) -> list[float]:
        """What a file takes for granted whose temperature divides the change too, by Bayes' rule.

        A temperature above 1 takes a part of the change back: what is left is new/old to the power of 1/temperature,
        upon the mean of the probabilities without it.

        Args:
            probabilities_NK: the file's, of the selection faces; rows sum to 1.
            temperature: that divides the logits with the change in them, above 0.
        """
        change_K = (self.new / self.old) ** (1 / temperature)
        without_NK = probabilities_NK / change_K
        without_NK /= without_NK.sum(axis=1, keepdims=True)
        taken_K = without_NK.mean(axis=0) * change_K
        shares: list[float] = (taken_K / taken_K.sum()).tolist()
        return shares
