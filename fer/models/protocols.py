"""What a net may offer beside `forward`, and what may teach it."""

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn


@runtime_checkable
class UsesClassCounts(Protocol):
    """A net that wants the training labels' counts before training."""

    def set_class_counts(self, counts_K: Tensor) -> None:
        """Takes the number of training samples per class, (K,)."""


@runtime_checkable
class HasCamLayer(Protocol):
    """A net that names the layer whose map (B, D, h, w) explains it best."""

    def cam_layer(self) -> nn.Module:
        """The module to hook."""


class Teaches(Protocol):
    """Trained models whose predictions are part of the target."""

    weight: float
    """Share of the target that is theirs."""

    @property
    def size(self) -> int:
        """Height and width of the images they want to see, in pixels."""

    def to(self, device: torch.device) -> None:
        """Moves them to where the net trains."""

    def __call__(self, image_BCHW: Tensor) -> Tensor:
        """Images (B, C, H, W) in [0, 255] -> probabilities (B, K)."""
