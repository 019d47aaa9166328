"""What a net may offer beside `forward`."""

from typing import Protocol, runtime_checkable

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
