"""YuNet (Wu, Peng and Yu, Machine Intelligence Research 2023), which comes with the package.

It finds faces of 10 to 300 pixels, upright or turned by up to 30 degrees. The weights are those of OpenCV's model zoo,
rounded to three digits. ONNX Runtime takes 0.4 of the time that OpenCV takes for them.
"""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from fer.runtime.detection.candidate import Candidate, without_doubles
from fer.runtime.detection.nets import open_net
from fer.runtime.framing import YUNET, Image

_STRIDES: Final = (8, 16, 32)

_POINTS: Final = (0, 1, 3, 4)
"""Of the five points those that place the frame: eyes and corners of the mouth; the nose moves with the turn of the
head."""


class YuNet:
    """Faces from 10 pixels on, at the size at which the picture is given."""

    def __init__(self) -> None:
        self._net = open_net("yunet.onnx")

    def candidates(self, image: Image, *, least: float) -> list[Candidate]:
        """The faces of a BGR picture (H, W, 3) whose score is `least` or more, each once, best first."""
        height, width = image.shape[:2]
        below, beside = -height % _STRIDES[-1], -width % _STRIDES[-1]
        padded = cv2.copyMakeBorder(image, 0, below, 0, beside, cv2.BORDER_CONSTANT, value=(0, 0, 0))
        input_1CHW = np.ascontiguousarray(padded.transpose(2, 0, 1)[None], np.float32)
        outputs = self._net.run(None, {"input": input_1CHW})
        rows = []
        for level, stride in enumerate(_STRIDES):
            classes_A, objects_A, boxes_A4, points_A10 = (part[0] for part in outputs[level::3])
            scores_A = np.sqrt(classes_A[:, 0].clip(0, 1) * objects_A[:, 0].clip(0, 1))
            cells = np.flatnonzero(scores_A >= least)
            down, across = np.divmod(cells, padded.shape[1] // stride)
            corners_N2 = np.stack([across, down], axis=1).astype(np.float64)
            sizes_N2 = np.exp(boxes_A4[cells, 2:].astype(np.float64)) * stride
            boxes_N4 = np.concatenate([(boxes_A4[cells, :2] + corners_N2) * stride - sizes_N2 / 2, sizes_N2], axis=1)
            points_N10 = (points_A10[cells].reshape(-1, 5, 2) + corners_N2[:, None]).reshape(-1, 10) * stride
            rows.append(np.concatenate([boxes_N4, points_N10, scores_A[cells, None]], axis=1))
        return candidates_of(np.concatenate(rows))


def candidates_of(rows_N15: npt.NDArray[np.floating]) -> list[Candidate]:
    """Rows of box, five landmarks (the eye on the picture's left first) and score as candidates, each face once.

    Rows that are not finite, or whose landmarks lie far from the box, are dropped: YuNet gives such for pictures of
    some 30 pixels, and as doubles they would stand for the face itself.
    """
    found = []
    for row in rows_N15[np.isfinite(rows_N15).all(axis=1)].astype(np.float64):
        x, y, width, height = row[:4].tolist()
        points = row[4:14].reshape(5, 2)[list(_POINTS)]
        away = np.abs(points - (x + width / 2, y + height / 2)).max()
        if width > 0.0 and height > 0.0 and away <= max(width, height):
            found.append(Candidate((x, y, width, height), float(row[14]), points, YUNET))
    return without_doubles(found)
