"""Test-time augmentation as reports have it: which views of all images there are, and what pages call them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from fer.data.views import ZOOM, Augmentation, enlarge

_BATCH: Final = 1024


@dataclass(frozen=True, kw_only=True)
class Views:
    """Which views there are, and what they are called.

    Attributes:
        title: in tables.
        faces: in sentences, as in "with mirrored faces averaged in".
        meaning: what is averaged, as in "the predictions for the face and its mirror image".
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
    """`fer.data.views.enlarge` of stored images (N, C, H, W), some at a time."""
    import torch

    batches = []
    for start in range(0, len(images_NCHW), _BATCH):
        x_BCHW = torch.from_numpy(np.ascontiguousarray(images_NCHW[start : start + _BATCH])).float()
        batches.append(enlarge(x_BCHW).round().clamp(0, 255).to(torch.uint8).numpy())
    return np.concatenate(batches) if batches else images_NCHW
