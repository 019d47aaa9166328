"""Test-time augmentation: the further views of a face whose answers are averaged with that to the face itself."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

Augmentation = Literal["mirror", "zoom"]

ZOOM: Final = 1.1
"""Magnification of the enlarged face: small enough to leave all of it in the image (docs/EXPERIMENTS.md)."""

_BATCH: Final = 1024


@dataclass(frozen=True, kw_only=True)
class Views:
    """Which views there are, and what they are called.

    Attributes:
        title: in tables.
        faces: in sentences, as in "with mirrored faces averaged in".
        meaning: what is averaged, as in "the answers for the face and its mirror image".
        zoomed: whether the face and its mirror image are shown enlarged too.
    """

    title: str
    faces: str
    meaning: str
    zoomed: bool

    def of(self, images_NCHW: npt.NDArray[np.uint8]) -> Iterator[npt.NDArray[np.uint8]]:
        """The views beside the images themselves, uint8 (N, C, H, W) each."""
        yield images_NCHW[..., ::-1]
        if self.zoomed:
            larger_NCHW = enlarged(images_NCHW)
            yield larger_NCHW
            yield larger_NCHW[..., ::-1]


VIEWS: Final[Mapping[Augmentation, Views]] = MappingProxyType(
    {
        "mirror": Views(
            title="mirror", faces="mirrored faces", meaning="for the face and its mirror image", zoomed=False
        ),
        "zoom": Views(
            title="mirror and zoom",
            faces="mirrored and enlarged faces",
            meaning=f"for the face, the face enlarged by {ZOOM}, and the mirror images of both",
            zoomed=True,
        ),
    }
)


def enlarged(images_NCHW: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Images (N, C, H, W) enlarged by `ZOOM` about their centre and cut to their old size."""
    import torch

    from fer.data.augment import warp

    batches = []
    for start in range(0, len(images_NCHW), _BATCH):
        x_BCHW = torch.from_numpy(np.ascontiguousarray(images_NCHW[start : start + _BATCH])).float()
        none_B = torch.zeros(len(x_BCHW))
        larger_BCHW = warp(
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
        batches.append(larger_BCHW.round().clamp(0, 255).to(torch.uint8).numpy())
    return np.concatenate(batches) if batches else images_NCHW
