"""One face under every corruption, for the eye."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fer.data.corruption.registry import corrupt
from fer.report.page.section import data_uri, webp

_SIDE = 96
"""Height and width of a drawn face in pixels: twice 48."""


@dataclass(frozen=True, kw_only=True)
class Strip:
    """The face untouched and at each severity, side by side.

    Attributes:
        name: the corruption.
        uri: the picture as the page carries it.
        width: in pixels.
        height: in pixels.
    """

    name: str
    uri: str
    width: int
    height: int


def strips(
    image_CHW: npt.NDArray[np.uint8], *, names: Sequence[str], severities: Sequence[int], seed: int
) -> tuple[Strip, ...]:
    """A strip for each corruption, of one uint8 face (C, H, W)."""
    drawn = []
    for name in names:
        faces = [
            image_CHW,
            *(corrupt(image_CHW[None], name=name, severity=severity, seed=seed)[0] for severity in severities),
        ]
        picture = np.concatenate([_draw(face) for face in faces], axis=1)
        drawn.append(
            Strip(
                name=name,
                uri=data_uri(webp(picture), "image/webp"),
                width=picture.shape[1],
                height=picture.shape[0],
            )
        )
    return tuple(drawn)


def _draw(image_CHW: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    import cv2

    rgb = np.repeat(image_CHW, 3, axis=0) if image_CHW.shape[0] == 1 else image_CHW
    return np.asarray(
        cv2.resize(np.ascontiguousarray(rgb.transpose(1, 2, 0)), (_SIDE, _SIDE), interpolation=cv2.INTER_CUBIC),
        dtype=np.uint8,
    )
