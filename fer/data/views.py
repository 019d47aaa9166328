"""Test-time augmentation: further views of a face, whose predictions are averaged with that of the face itself.

Import-light, so that options are checked before torch loads.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from torch import Tensor

Augmentation = Literal["mirror", "zoom"]
"""mirror: the mirror image; zoom: it, the image enlarged by `ZOOM`, and the mirror image of that."""

ZOOM: Final = 1.1
"""Magnification of the enlarged face: small enough to leave all of it in the image (docs/results/experiments.md)."""


def further_views(x_BCHW: "Tensor", augmentation: Augmentation) -> Iterator["Tensor"]:
    """The views beside the images themselves.

    Args:
        x_BCHW: float32 images (B, C, H, W) in [0, 255].
        augmentation: which views.

    Yields:
        float32 (B, C, H, W) in [0, 255].
    """
    yield x_BCHW.flip(-1)
    if augmentation == "zoom":
        larger_BCHW = enlarge(x_BCHW)
        yield larger_BCHW
        yield larger_BCHW.flip(-1)


def enlarge(x_BCHW: "Tensor") -> "Tensor":
    """float32 images (B, C, H, W) enlarged by `ZOOM` about their centre and cut to their old size."""
    from fer.data.augment import warp

    none_B = x_BCHW.new_zeros(len(x_BCHW))
    return warp(
        x_BCHW,
        flip_B=none_B.bool(),
        angle_B=none_B,
        shift_x_B=none_B,
        shift_y_B=none_B,
        zoom_B=none_B + ZOOM,
        shear_B=none_B,
        height=x_BCHW.shape[2],
        width=x_BCHW.shape[3],
    )
