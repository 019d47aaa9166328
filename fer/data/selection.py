"""Which samples train and select, and towards what: what each step of `fer.data.steps` hands to the next."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from fer.data.protocol import ProtocolSplit
from fer.data.samples import FaceSamples


class Targets(Protocol):
    """What training takes each of N samples for."""

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """int64 (N,): one class each, for balance and counts."""

    @property
    def soft(self) -> npt.NDArray[np.float32] | None:
        """float32 (N, K heads): soft targets; None where labels say it all."""

    @property
    def heads(self) -> int:
        """How many heads the targets are for."""

    def epoch_labels(self, *, seed: int, epoch: int) -> npt.NDArray[np.int64]:
        """int64 (N,): the labels of an epoch, a function of (seed, epoch) alone."""


@dataclass(frozen=True)
class LabelTargets:
    """The samples' own labels, in every epoch.

    Attributes:
        labels: int64 (N,).
    """

    labels: npt.NDArray[np.int64]
    soft: npt.NDArray[np.float32] | None = None
    heads: int = 1

    def epoch_labels(self, *, seed: int, epoch: int) -> npt.NDArray[np.int64]:
        """int64 (N,): the same in every epoch."""
        return self.labels


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What one step hands to the next.

    Attributes:
        samples: all samples of the source.
        split: rows of them that train and select, disjoint and ascending.
        targets: what training takes them for.
    """

    samples: FaceSamples
    split: ProtocolSplit
    targets: Targets


Step = Callable[[Selection], Selection]
